"""From a query to a report's answer: the one way that page, API and export take."""

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings

from brokerlytics.checkpoint import CorruptCheckpointError
from dashboard_app.keeping.annotations import annotations_within
from dashboard_app.presenting.links import SHARED
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.reader import Answer, reader
from dashboard_app.reading.committed import UnreadableStoreError
from dashboard_app.report import AnyReport, Context, Query, Table

# Whatever keeps the store from being read; their texts are for people and have no personal data.
STORE_ERRORS: Final = (OSError, CorruptCheckpointError, UnreadableStoreError)


@dataclass(frozen=True, slots=True)
class Question:
    """A report with what is asked of it."""

    report: AnyReport
    filters: Filters
    options: Any
    context: Context

    def tables(self, answer: Answer) -> list[Table]:
        """The answer's numbers as plain values."""
        return self.report.tables(answer.result, self.filters, self.options)


def make_question(report: AnyReport, query: Query, now: datetime, *, notes: bool = True) -> Question:
    """Read the query; charts have the annotations on them where `notes`. Raises FilterError."""
    tz = ZoneInfo(settings.TIME_ZONE)
    filters = parse_filters(query, now=now, tz=tz)
    context = Context(now, tz, query, annotations_within(filters) if notes else ())
    return Question(report, filters, report.parse(query, context), context)


def names_of(report: AnyReport) -> tuple[str, ...]:
    """The parameters of the query that the report reads."""
    return (*SHARED, *(parameter.name for parameter in report.parameters))


def check_names(report: AnyReport, query: Query, *others: str) -> None:
    """Whether every parameter of the query is one of the report's, or of `others`. Raises FilterError for the first."""
    known = (*names_of(report), *others)
    for name, values in query.lists():
        if values and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean “{near[0]}”?" if near else "/api/docs/ lists those that there are."
            raise FilterError(f"“{name}” is no parameter of {report.title}. {hint}", name)


def ask(question: Question) -> Answer:
    """The answer over what is committed now. Raises STORE_ERRORS and TooSlowError."""
    return reader().read(question.report, question.filters, question.options)
