"""What happens now: the newest rows as they came in, and who is here. docs/metrics.md has the definitions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import duckdb

from dashboard_app.metrics import EVENTS, PERSONS
from dashboard_app.question.buckets import MINUTE
from dashboard_app.question.conditions import Where
from dashboard_app.question.filters import Filters, naive
from dashboard_app.reading.row_order import ROW_ORDER

MINUTES: Final = 30
# The present minute and the five before it.
HERE_MINUTES: Final = 6
NEWEST: Final = 50
TOP: Final = 10
_WHO: Final = "coalesce(user_id, device_id), user_id IS NOT NULL"
_COLUMNS: Final = f"_partition, _offset, received_on, created_on, event_type, {_WHO}, page_path"
# Rows are committed in the order in which they came in.
_NEWEST: Final = f"""
SELECT {_COLUMNS}, platform, country, revenue, currency FROM events
WHERE received_on >= $start AND received_on < $end AND {{matching}}
ORDER BY received_on DESC, _partition DESC, _offset DESC LIMIT {NEWEST}"""  # noqa: S608
_RECENT: Final = "created_on >= $start AND created_on < $end AND {matching}"
_BY_MINUTE: Final = f"""
SELECT date_diff('minute', $start, date_trunc('minute', created_on)), {EVENTS}, {PERSONS}
FROM events WHERE {_RECENT} GROUP BY 1"""  # noqa: S608
_HERE_COUNT: Final = f"SELECT {PERSONS}, {EVENTS} FROM events WHERE {_RECENT}"  # noqa: S608
_HERE: Final = f"""
SELECT arg_max(user_id, {ROW_ORDER}), arg_max(device_id, {ROW_ORDER}), max(created_on) AS seen_on, {EVENTS},
       arg_max(page_path, {ROW_ORDER}), arg_max(platform, {ROW_ORDER}), arg_max(country, {ROW_ORDER})
FROM events WHERE {_RECENT} GROUP BY person ORDER BY seen_on DESC, max(_offset) DESC, person LIMIT {TOP}"""  # noqa: S608
_PAGES: Final = f"""
SELECT page_path, {PERSONS}, {EVENTS} FROM events WHERE {_RECENT} AND page_path IS NOT NULL
GROUP BY page_path ORDER BY 2 DESC, 3 DESC, page_path LIMIT {TOP}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One row of the stream. `partition` and `offset` name it for good.

    `who` is the user (`is_user`), else the device.
    """

    partition: int
    offset: int
    received_on: datetime
    created_on: datetime
    event_type: str
    who: str
    is_user: bool
    page_path: str | None
    platform: str | None
    country: str | None
    revenue: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is here now: the last that is known, and the events of the last minutes."""

    user_id: str | None
    device_id: str | None
    seen_on: datetime
    events: int
    page_path: str | None
    platform: str | None
    country: str | None

    @property
    def who(self) -> str:
        """The user, else the device."""
        return self.user_id or self.device_id or ""


@dataclass(frozen=True, slots=True)
class PageNow:
    """A page of the last minutes."""

    page_path: str
    persons: int
    events: int


@dataclass(frozen=True, slots=True)
class Live:
    """The stream, newest first, and the present. `minutes` begin at `start`; the last is not over."""

    newest: list[LiveEvent]
    start: datetime
    events_by_minute: list[int]
    persons_by_minute: list[int]
    here: int
    events_here: int
    visitors: list[Visitor]
    pages: list[PageNow]


def measure_live(connection: duckdb.DuckDBPyConnection, filters: Filters, end: datetime) -> Live:
    """The MINUTES minutes before `end`, which is the end of the present one. Raises duckdb.Error."""
    start = end - MINUTES * MINUTE
    window, present = _between(filters, start, end), _between(filters, end - HERE_MINUTES * MINUTE, end)
    events, persons = [0] * MINUTES, [0] * MINUTES
    by_minute = connection.execute(_BY_MINUTE.format(matching=window.sql), window.parameters)
    for minute, event_count, person_count in by_minute.fetchall():
        events[minute], persons[minute] = event_count, person_count
    newest = connection.execute(_NEWEST.format(matching=window.sql), window.parameters).fetchall()
    here = connection.execute(_HERE_COUNT.format(matching=present.sql), present.parameters).fetchall()[0]
    visitors = connection.execute(_HERE.format(matching=present.sql), present.parameters).fetchall()
    pages = connection.execute(_PAGES.format(matching=present.sql), present.parameters).fetchall()
    return Live(
        newest=[LiveEvent(row[0], row[1], _utc(row[2]), _utc(row[3]), *row[4:]) for row in newest],
        start=start,
        events_by_minute=events,
        persons_by_minute=persons,
        here=here[0],
        events_here=here[1],
        visitors=[Visitor(user, device, _utc(seen_on), *rest) for user, device, seen_on, *rest in visitors],
        pages=[PageNow(*row) for row in pages],
    )


def _between(filters: Filters, start: datetime, end: datetime) -> Where:
    """What the filters let through, with the parameters of a window of time."""
    return Where(filters.matching.sql, {**filters.matching.parameters, "start": naive(start), "end": naive(end)})


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
