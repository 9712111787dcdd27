"""The numbers of the overview as docs/metrics.md defines them, computed row by row in plain Python."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from brokerlytics.event import Event
from dashboard_app.measures.overview import BROKEN_DOWN, DRAWN_TYPES, Overview
from dashboard_app.measures.periods import Counts
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.filters import DateRange, Filters
from tests.dashboard.plain_people import Row, sessions

Numbers = tuple[int, int, int, dict[str | None, Decimal]]


def check_overview(found: Overview, rows: Sequence[Row], filters: Filters) -> None:
    """Hold every number against the rows of the whole store; sessions are those of all rows."""
    of_session = dict(zip([(row.partition, row.offset) for row in rows], sessions(rows), strict=True))
    current = _within(rows, filters, filters.range)
    periods = [(found.current, current, filters.buckets)]
    before = _within(rows, filters, filters.before) if filters.before else None
    previous = before if filters.compare else None
    if previous is not None and found.previous:
        periods.append((found.previous, previous, filters.previous_buckets))
    assert (previous is None) is (found.previous is None)
    assert (before is None) is (found.before is None)
    if before is not None and found.before:
        assert _as_tuple(found.before) == _numbers(before, of_session)
    for period, chosen, buckets in periods:
        of_buckets = [_of_bucket(chosen, bucket) for bucket in buckets]
        for counts, some in zip([period.total, *period.buckets], [chosen, *of_buckets], strict=True):
            assert _as_tuple(counts) == _numbers(some, of_session)
    for column in BROKEN_DOWN:
        assert [(v.value, v.events, v.devices, v.previous) for v in found.breakdowns[column]] == _top(
            column, current, previous
        )
    types = [value.value for value in found.breakdowns["event_type"][:DRAWN_TYPES]]
    assert found.drawn == {
        name: [sum(row.event.event_type == name for row in _of_bucket(current, bucket)) for bucket in filters.buckets]
        for name in types
    }
    newest = sorted(current, key=lambda row: row.order, reverse=True)[:10]
    assert [(event.created_on, event.event_type) for event in found.newest] == [
        (row.event.created_on, row.event.event_type) for row in newest
    ]


def _within(rows: Sequence[Row], filters: Filters, asked: DateRange) -> list[Row]:
    return [
        row
        for row in rows
        if asked.start <= row.event.created_on < asked.end and filters.source in ("", row.event.source)
    ]


def _of_bucket(rows: Sequence[Row], bucket: Bucket) -> list[Row]:
    return [row for row in rows if bucket.start <= row.event.created_on < bucket.end]


def _as_tuple(counts: Counts) -> Numbers:
    return counts.events, counts.devices, counts.sessions, counts.revenue


def _numbers(rows: Sequence[Row], of_session: dict[tuple[int, int], object]) -> Numbers:
    revenue: dict[str | None, Decimal] = {}
    for event in (row.event for row in rows):
        if event.revenue is not None:
            revenue[event.currency] = revenue.get(event.currency, Decimal(0)) + Decimal(str(event.revenue))
    devices = {row.event.device_id for row in rows} - {None}
    return len(rows), len(devices), len({of_session[row.partition, row.offset] for row in rows}), revenue


def _top(column: str, current: Sequence[Row], previous: Sequence[Row] | None) -> list[tuple[Any, ...]]:
    counts = Counter(value for row in current if (value := value_of(row.event, column)))
    before = Counter(value_of(row.event, column) for row in previous or ())
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
    return [
        (
            value,
            events,
            len({row.event.device_id for row in current if value_of(row.event, column) == value} - {None}),
            None if previous is None else before[value],
        )
        for value, events in top
    ]


def value_of(event: Event, column: str) -> str | None:
    """As the rows of the dashboard have it."""
    if column == "referrer_host":
        host = urlsplit(event.referrer or "").netloc.lower().removeprefix("www.")
        return host or None
    value: str | None = getattr(event, column)
    return value
