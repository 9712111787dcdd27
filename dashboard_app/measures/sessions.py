"""The numbers of sessions: how many, how long, where they begin and end. docs/metrics.md defines each.

Every session is one row of a temporary table, and every number is counted from those, so that they agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import duckdb

from dashboard_app.bucketing import bucket_sql
from dashboard_app.buckets import Bucket
from dashboard_app.filters import Filters
from dashboard_app.measures.paths import PathCount, measure_paths
from dashboard_app.measures.visits import load_visits
from dashboard_app.metrics import BOUNCES

TOP: Final = 10
# The classes of length, [lower, upper) but for the first, which is a session without any length. The last has no end.
LENGTHS: Final[tuple[timedelta, ...]] = tuple(
    timedelta(seconds=seconds) for seconds in (10, 30, 60, 180, 600, 1800, 3600)
)
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
        load_visits(connection, filters, filters.previous, column, pages)
        previous = _period(connection, filters.previous_buckets)
    rows = load_visits(connection, filters, filters.range, column, pages)
    return Sessions(
        current=_period(connection, filters.buckets),
        previous=previous,
        lengths=_lengths(connection),
        values=_by_column(connection, "value"),
        entries=_by_column(connection, "entry"),
        exits=_by_column(connection, "exit"),
        paths=measure_paths(connection, rows, pages),
    )


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
