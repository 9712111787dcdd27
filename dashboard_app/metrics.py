"""Every number of the dashboard, each with one definition. docs/metrics.md says the same in prose.

The range's rows are read once; all queries run on them, so that the numbers agree with one another.
A `period` is 0 for the range and 1 for the one before it; `bucket` counts from 0 within a period.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import duckdb

from dashboard_app.buckets import Bucket
from dashboard_app.filters import DateRange, Filters

TOP_TYPES: Final = 10
DRAWN_TYPES: Final = 6
NEWEST: Final = 10

EVENTS: Final = "count(*)"
UNIQUE_DEVICES: Final = "count(DISTINCT device_id)"
SESSIONS: Final = "count(DISTINCT (person, session_id, silence))"
REVENUE: Final = "sum(revenue)"

_LOAD: Final = """
CREATE TEMP TABLE loaded AS
SELECT date_trunc('minute', created_on) AS minute, coalesce('device ' || device_id, 'user ' || user_id) AS person,
       created_on, event_type, device_id, user_id, session_id, page_path, platform, country, revenue, currency,
       _partition, _offset
FROM committed WHERE created_on >= $start AND created_on < $end"""
_BUCKETS: Final = """
CREATE TEMP TABLE bucket AS
SELECT unnest($period) AS period, unnest($bucket) AS bucket, unnest($start) AS starts_on, unnest($end) AS ends_on"""
# Edges lie on whole minutes, so it is enough to place each minute: far fewer than the rows.
_MINUTES: Final = """
CREATE TEMP TABLE placed AS
SELECT minute, period, bucket FROM (SELECT DISTINCT minute FROM loaded) AS occupied
ASOF JOIN bucket ON occupied.minute >= bucket.starts_on WHERE occupied.minute < bucket.ends_on"""
_EVENTS: Final = "CREATE TEMP VIEW event AS SELECT * FROM loaded JOIN placed USING (minute)"
# One row for each bucket that a session has an event in. A session is what the client says it is; for events
# without a session_id, `silence` counts the person's pauses of more than 30 minutes before the event.
_SESSIONS: Final = """
CREATE TEMP TABLE session AS
WITH quiet AS (
    SELECT period, bucket, person, created_on, _partition, _offset,
           created_on - lag(created_on) OVER by_time > INTERVAL 30 MINUTE AS after_silence
    FROM event WHERE session_id IS NULL
    WINDOW by_time AS (PARTITION BY period, person ORDER BY created_on, _partition, _offset)
)
SELECT DISTINCT period, bucket, person, NULL AS session_id, count(*) FILTER (after_silence) OVER (
           PARTITION BY period, person ORDER BY created_on, _partition, _offset) AS silence FROM quiet
UNION ALL
SELECT DISTINCT period, bucket, person, session_id, NULL FROM event WHERE session_id IS NOT NULL"""

# A NULL bucket stands for the whole period.
_PERIODS: Final = "GROUP BY GROUPING SETS ((period), (period, bucket))"
_COUNTS: Final = f"SELECT period, bucket, {EVENTS}, {UNIQUE_DEVICES} FROM event {_PERIODS}"  # noqa: S608
_SESSION_COUNTS: Final = f"SELECT period, bucket, {SESSIONS} FROM session {_PERIODS}"  # noqa: S608
_REVENUES: Final = f"""
SELECT period, bucket, currency, {REVENUE} FROM event WHERE revenue IS NOT NULL
GROUP BY GROUPING SETS ((period, currency), (period, bucket, currency))"""  # noqa: S608
_TYPES: Final = f"""
SELECT event_type, {EVENTS} FILTER (period = 0) AS events, {UNIQUE_DEVICES} FILTER (period = 0),
       {EVENTS} FILTER (period = 1)
FROM event GROUP BY event_type HAVING events > 0 ORDER BY events DESC, event_type LIMIT {TOP_TYPES}"""  # noqa: S608
_DRAWN: Final = f"""
SELECT event_type, bucket, {EVENTS} FROM event WHERE period = 0 AND list_contains($types, event_type)
GROUP BY event_type, bucket"""  # noqa: S608
_NEWEST: Final = f"""
SELECT created_on, event_type, coalesce(user_id, device_id), page_path, platform, country, revenue, currency
FROM event WHERE period = 0 ORDER BY created_on DESC, _partition DESC, _offset DESC LIMIT {NEWEST}"""  # noqa: S608
_NEWEST_ON: Final = "SELECT max(created_on) FROM committed"


@dataclass(slots=True)
class Counts:
    """The headline numbers of a period or a bucket. `revenue` is by currency, None for events that name none."""

    events: int = 0
    devices: int = 0
    sessions: int = 0
    revenue: dict[str | None, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class Period:
    """A period's numbers. Distinct counts of the buckets do not add up to those of the whole."""

    total: Counts
    buckets: list[Counts]


@dataclass(frozen=True, slots=True)
class TypeCount:
    """One event type; `previous` is its number of events in the period before."""

    name: str
    events: int
    devices: int
    previous: int


@dataclass(frozen=True, slots=True)
class NewestEvent:
    """One row of the table of newest events. `who` is the user, else the device."""

    created_on: datetime
    event_type: str
    who: str
    page_path: str | None
    platform: str | None
    country: str | None
    revenue: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows. `drawn` holds the events per bucket of the commonest types.

    `newest_on` is the time of the newest event of the whole store, known only when the range is empty.
    """

    current: Period
    previous: Period | None
    types: list[TypeCount]
    drawn: dict[str, list[int]]
    newest: list[NewestEvent]
    newest_on: datetime | None = None


def measure(connection: duckdb.DuckDBPyConnection, filters: Filters) -> Overview:
    """Load the range's rows from the relation `committed` into temporary tables and count them. Raises duckdb.Error."""
    _load(connection, filters)
    periods = [_empty(filters.buckets), _empty(filters.previous_buckets)]
    _count(connection, periods)
    types = [TypeCount(*row) for row in connection.execute(_TYPES).fetchall()]
    newest_on = None if types else _utc(connection.execute(_NEWEST_ON).fetchall()[0][0])
    return Overview(
        current=periods[0],
        previous=periods[1] if filters.previous else None,
        types=types,
        drawn=_drawn(connection, [row.name for row in types[:DRAWN_TYPES]], len(filters.buckets)),
        newest=[NewestEvent(row[0].replace(tzinfo=UTC), *row[1:]) for row in connection.execute(_NEWEST).fetchall()],
        newest_on=newest_on,
    )


def _load(connection: duckdb.DuckDBPyConnection, filters: Filters) -> None:
    whole = DateRange(filters.previous.start if filters.previous else filters.range.start, filters.range.end)
    connection.execute(_LOAD, {"start": _naive(whole.start), "end": _naive(whole.end)})
    placed = [(0, number, bucket) for number, bucket in enumerate(filters.buckets)]
    placed += [(1, number, bucket) for number, bucket in enumerate(filters.previous_buckets)]
    # Empty buckets would take the rows of the bucket before them.
    placed = [(period, number, bucket) for period, number, bucket in placed if bucket.start < bucket.end]
    buckets = {
        "period": [period for period, _, _ in placed],
        "bucket": [number for _, number, _ in placed],
        "start": [_naive(bucket.start) for _, _, bucket in placed],
        "end": [_naive(bucket.end) for _, _, bucket in placed],
    }
    connection.execute(_BUCKETS, buckets)
    for statement in (_MINUTES, _EVENTS, _SESSIONS):
        connection.execute(statement)


def _count(connection: duckdb.DuckDBPyConnection, periods: list[Period]) -> None:
    """Fill the counts of both periods and all their buckets."""

    def target(period: int, bucket: int | None) -> Counts:
        return periods[period].total if bucket is None else periods[period].buckets[bucket]

    for period, bucket, events, devices in connection.execute(_COUNTS).fetchall():
        target(period, bucket).events = events
        target(period, bucket).devices = devices
    for period, bucket, sessions in connection.execute(_SESSION_COUNTS).fetchall():
        target(period, bucket).sessions = sessions
    for period, bucket, currency, revenue in connection.execute(_REVENUES).fetchall():
        target(period, bucket).revenue[currency] = revenue


def _drawn(connection: duckdb.DuckDBPyConnection, types: list[str], buckets: int) -> dict[str, list[int]]:
    drawn = {name: [0] * buckets for name in types}
    for name, bucket, events in connection.execute(_DRAWN, {"types": types}).fetchall():
        drawn[name][bucket] = events
    return drawn


def _empty(buckets: Iterable[Bucket]) -> Period:
    return Period(Counts(), [Counts() for _ in buckets])


def _naive(moment: datetime) -> datetime:
    """DuckDB's TIMESTAMP has no timezone; all of ours are UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
