"""The numbers of the overview."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import duckdb

from dashboard_app.bucketing import bucket_sql
from dashboard_app.conditions import Where
from dashboard_app.filters import Filters
from dashboard_app.measures.breakdowns import ValueCount, measure_breakdowns
from dashboard_app.measures.periods import Period, measure_period
from dashboard_app.metrics import EVENTS

DRAWN_TYPES: Final = 6
NEWEST: Final = 10
# What the events are broken down by, in the order of the page.
BROKEN_DOWN: Final = (
    "event_type",
    "page_path",
    "referrer_host",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "country",
    "platform",
    "browser",
    "os",
    "device_type",
    "app_version",
)

_DRAWN: Final = f"""
SELECT event_type, {{bucket}} AS bucket, {EVENTS} FROM events
WHERE {{where}} AND list_contains($types, event_type) GROUP BY event_type, bucket"""  # noqa: S608
_NEWEST: Final = f"""
SELECT created_on, event_type, coalesce(user_id, device_id), page_path, platform, country, revenue, currency
FROM events WHERE {{where}} ORDER BY created_on DESC, _partition DESC, _offset DESC LIMIT {NEWEST}"""  # noqa: S608


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
    """What the page shows. `drawn` holds the events per bucket of the commonest types."""

    current: Period
    previous: Period | None
    breakdowns: dict[str, list[ValueCount]]
    drawn: dict[str, list[int]]
    newest: list[NewestEvent]


def measure_overview(connection: duckdb.DuckDBPyConnection, filters: Filters) -> Overview:
    """Count over the view `events`. Raises duckdb.Error."""
    previous = None
    if filters.previous:
        previous = measure_period(connection, filters.where_in(filters.previous), filters.previous_buckets)
    breakdowns = measure_breakdowns(connection, filters, BROKEN_DOWN)
    return Overview(
        current=measure_period(connection, filters.where, filters.buckets),
        previous=previous,
        breakdowns=breakdowns,
        drawn=_drawn(connection, [row.value for row in breakdowns["event_type"][:DRAWN_TYPES]], filters),
        newest=_newest(connection, filters.where),
    )


def _drawn(connection: duckdb.DuckDBPyConnection, types: list[str], filters: Filters) -> dict[str, list[int]]:
    drawn = {name: [0] * len(filters.buckets) for name in types}
    sql = _DRAWN.format(where=filters.where.sql, bucket=bucket_sql(filters.buckets))
    for name, bucket, events in connection.execute(sql, {**filters.where.parameters, "types": types}).fetchall():
        drawn[name][bucket] = events
    return drawn


def _newest(connection: duckdb.DuckDBPyConnection, where: Where) -> list[NewestEvent]:
    rows = connection.execute(_NEWEST.format(where=where.sql), where.parameters).fetchall()
    return [NewestEvent(row[0].replace(tzinfo=UTC), *row[1:]) for row in rows]
