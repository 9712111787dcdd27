"""What a report is: everything that page, stats API and export need of it. The framework does the rest.

A report is one object in `dashboard_app/reports/<name>.py`, listed in `registry.py`. Its numbers are computed once, by
`measure`, and said twice: `tables` has the plain values, for API and export, and `present` what the template writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Protocol, TypeVar
from zoneinfo import ZoneInfo

from django.utils.datastructures import MultiValueDict

from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows

Query = MultiValueDict[str, str]
# None is an empty cell. Times are aware, in the project's timezone where they are edges of buckets.
Value = str | int | float | bool | Decimal | datetime | date | None


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note on the time axis of every chart."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Context:
    """What a report may know beside the query: the present, the project's timezone, and the notes on its charts.

    `query` is the page's own, from which links to other pages and other filters are made.
    """

    now: datetime
    tz: ZoneInfo
    query: Query = field(default_factory=MultiValueDict)
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report: `name` for programs (`?table=`, [a-z0-9-]), `title` for people, plain values."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query that only this report reads, for the API's documentation."""

    name: str
    description: str
    repeated: bool = False
    values: tuple[str, ...] = ()


OptionsT = TypeVar("OptionsT")
ResultT = TypeVar("ResultT")


class Report(Protocol[OptionsT, ResultT]):
    """One page of the dashboard.

    `name` is its path (`/<name>/`, `/api/v1/stats/<name>`, `/<name>.csv`, `/<name>.json`) and its template
    (`dashboard_app/<name>.html`, which extends `dashboard_app/report.html`). `intervals` and `compares` say whether the
    bar offers an interval and a comparison. Options are frozen and hashable: answers are kept by them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]
    intervals: ClassVar[bool]
    compares: ClassVar[bool]

    def parse(self, query: Query, context: Context) -> OptionsT:
        """The report's own options. Raises FilterError."""

    def measure(self, rows: Rows, filters: Filters, options: OptionsT) -> ResultT:
        """The numbers, from the view `events` of the connection; where a rollup has the same, it may be asked instead.

        Raises duckdb.Error and OSError; temporary tables end with the connection.
        """

    def present(self, result: ResultT, filters: Filters, options: OptionsT, context: Context) -> Mapping[str, Any]:
        """What the template writes: texts, charts (under `charts`) and links."""

    def tables(self, result: ResultT, filters: Filters, options: OptionsT) -> list[Table]:
        """The same numbers as plain values. At least one; the CSV is of the first unless it asks for another."""


AnyReport = Report[Any, Any]
