"""The numbers of sessions: how many, how long, where they begin and end. docs/metrics.md defines each.

Every session is one row of a temporary table, and every number is counted from those, so that they agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import duckdb

from brokerlytics.event import END_SESSION, START_SESSION
from dashboard_app.bucketing import bucket_sql
from dashboard_app.buckets import Bucket
from dashboard_app.conditions import Where, column_sql
from dashboard_app.filters import DateRange, Filters
from dashboard_app.measures.paths import PathCount, measure_paths
from dashboard_app.measures.session_parts import session_parts
from dashboard_app.metrics import BOUNCES
from dashboard_app.row_order import ROW_ORDER

TOP: Final = 10
# The classes of length, [lower, upper) but for the first, which is a session without any length. The last has no end.
LENGTHS: Final[tuple[timedelta, ...]] = tuple(
    timedelta(seconds=seconds) for seconds in (10, 30, 60, 180, 600, 1800, 3600)
)
_NO_VISITS: Final = """
CREATE OR REPLACE TEMP TABLE visit (
    started_on TIMESTAMP, length BIGINT, events BIGINT, acts BIGINT, entry VARCHAR, exit VARCHAR, value VARCHAR)"""
_VISITS: Final = f"""
INSERT INTO visit
SELECT min(created_on) AS started_on, date_diff('millisecond', min(created_on), max(created_on)) AS length,
       count(*) AS events, count(*) FILTER (event_type NOT IN ('{START_SESSION}', '{END_SESSION}')) AS acts,
       arg_min(page_path, {ROW_ORDER}) AS entry, arg_max(page_path, {ROW_ORDER}) AS exit,
       arg_min(CAST({{column}} AS VARCHAR), {ROW_ORDER}) AS value
FROM events WHERE {{rows}} GROUP BY session"""  # noqa: S608
_TOTALS: Final = f"count(*), sum(events)::BIGINT, {BOUNCES}, median(length)"
_BY_BUCKET: Final = f"SELECT {{bucket}}, {_TOTALS} FROM visit GROUP BY 1"  # noqa: S608
_BY_COLUMN: Final = f"""
SELECT {{column}}, {_TOTALS} FROM visit GROUP BY 1 ORDER BY 2 DESC, 1 NULLS LAST LIMIT {TOP}"""  # noqa: S608
_CLASSES: Final = "SELECT {number}, count(*) FROM visit GROUP BY 1"


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Numbers over some sessions. `median_length` is None where there is no session."""

    sessions: int = 0
    events: int = 0
    bounces: int = 0
    median_length: timedelta | None = None

    @property
    def events_per_session(self) -> Decimal | None:
        """Rounded to two places; None where there is no session."""
        return _ratio(self.events, self.sessions, 2)

    @property
    def bounce_rate(self) -> Decimal | None:
        """Percent, rounded to one place; None where there is no session."""
        return _ratio(100 * self.bounces, self.sessions, 1)


@dataclass(frozen=True, slots=True)
class SessionPeriod:
    """The sessions of a range, and those that began in each of its buckets: these add up to the whole."""

    total: SessionCounts
    buckets: list[SessionCounts]


@dataclass(frozen=True, slots=True)
class Sessions:
    """What the page shows. The keys of `values`, `entries` and `exits` are None for sessions that have no such value.

    `lengths` has the number of sessions without length, then one for each class of LENGTHS, then of longer ones.
    """

    current: SessionPeriod
    previous: SessionPeriod | None
    lengths: list[int]
    values: dict[str | None, SessionCounts]
    entries: dict[str | None, SessionCounts]
    exits: dict[str | None, SessionCounts]
    paths: list[PathCount] = field(default_factory=list)


def measure_sessions(connection: duckdb.DuckDBPyConnection, filters: Filters, column: str, pages: int) -> Sessions:
    """Measure the sessions of the range, by `column` and by their first `pages` pages. Raises duckdb.Error."""
    previous = None
    if filters.previous:
        _load(connection, _rows_by_part(connection, filters, filters.previous), column)
        previous = _period(connection, filters.previous_buckets)
    rows = _rows_by_part(connection, filters, filters.range)
    _load(connection, rows, column)
    return Sessions(
        current=_period(connection, filters.buckets),
        previous=previous,
        lengths=_lengths(connection),
        values=_by_column(connection, "value"),
        entries=_by_column(connection, "entry"),
        exits=_by_column(connection, "exit"),
        paths=measure_paths(connection, rows, pages),
    )


def session_rows(filters: Filters, date_range: DateRange) -> Where:
    """The rows in `date_range` of every session that has one there which the filters let through."""
    where = filters.where_in(date_range)
    if not filters.source and not filters.conditions:
        return where
    within = "created_on >= $start AND created_on < $end"
    return Where(f"{within} AND session IN (SELECT session FROM events WHERE {where.sql})", where.parameters)  # noqa: S608


def _rows_by_part(connection: duckdb.DuckDBPyConnection, filters: Filters, date_range: DateRange) -> list[Where]:
    rows = session_rows(filters, date_range)
    return [rows & part for part in session_parts(connection, date_range)]


def _load(connection: duckdb.DuckDBPyConnection, parts: Sequence[Where], column: str) -> None:
    connection.execute(_NO_VISITS)
    for rows in parts:
        connection.execute(_VISITS.format(column=column_sql(column), rows=rows.sql), rows.parameters)


def _period(connection: duckdb.DuckDBPyConnection, buckets: Sequence[Bucket]) -> SessionPeriod:
    counts = [SessionCounts() for _ in buckets]
    for bucket, *numbers in connection.execute(_BY_BUCKET.format(bucket=bucket_sql(buckets, "started_on"))).fetchall():
        counts[bucket] = _counts(numbers)
    total = connection.execute(f"SELECT {_TOTALS} FROM visit").fetchall()[0]  # noqa: S608
    return SessionPeriod(_counts(total), counts)


def _by_column(connection: duckdb.DuckDBPyConnection, column: str) -> dict[str | None, SessionCounts]:
    rows = connection.execute(_BY_COLUMN.format(column=column)).fetchall()
    return {value: _counts(numbers) for value, *numbers in rows}


def _lengths(connection: duckdb.DuckDBPyConnection) -> list[int]:
    cases = "".join(
        f"WHEN length < {upper // timedelta(milliseconds=1)} THEN {place} " for place, upper in enumerate(LENGTHS, 1)
    )
    counts = [0] * (len(LENGTHS) + 2)
    number = f"CASE WHEN length = 0 THEN 0 {cases}ELSE {len(LENGTHS) + 1} END"
    for place, sessions in connection.execute(_CLASSES.format(number=number)).fetchall():
        counts[place] = sessions
    return counts


def _counts(numbers: Sequence[Any]) -> SessionCounts:
    sessions, events, bounces, median = numbers
    return SessionCounts(sessions, events or 0, bounces, None if median is None else median * timedelta(milliseconds=1))


def _ratio(part: int, whole: int, places: int) -> Decimal | None:
    return round(Decimal(part) / whole, places) if whole else None
