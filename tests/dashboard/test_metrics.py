"""Every number against a plain computation that shares nothing with the SQL but its definition."""

import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from brokerlytics.event import Event
from dashboard_app.measures.breakdowns import TOP_VALUES
from dashboard_app.measures.overview import DRAWN_TYPES, NEWEST, Overview
from dashboard_app.measures.periods import Counts
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.reader import Answer, ReportReader
from dashboard_app.registry import report_named
from tests.dashboard.plain_people import Row, sessions
from tests.dashboard.queries import make_query
from tests.dashboard.store_builder import Partition, make_event

BERLIN = ZoneInfo("Europe/Berlin")
# The day after the clocks went back: the range below has an hour twice.
NOW = datetime(2026, 10, 26, 11, 17, 30, tzinfo=UTC)


def parse(**query: str) -> Filters:
    return parse_filters(make_query(**query), now=NOW, tz=BERLIN)


def ask(reader: ReportReader, filters: Filters) -> Answer:
    return reader.read(report_named("overview"), filters, None)


def read(reader: ReportReader, **query: str) -> Overview:
    overview: Overview = ask(reader, parse(**query)).result
    return overview


def expected_counts(events: Sequence[Event], sessions: Sequence[object], places: Iterable[int]) -> Counts:
    chosen = list(places)
    revenue: dict[str | None, Decimal] = defaultdict(Decimal)
    for place in chosen:
        if events[place].revenue is not None:
            revenue[events[place].currency] += Decimal(repr(events[place].revenue))
    devices = {events[place].device_id for place in chosen} - {None}
    return Counts(len(chosen), len(devices), len({sessions[place] for place in chosen}), dict(revenue))


def check_period(rows: Sequence[Row], buckets: Sequence[Bucket], total: Counts, found: Sequence[Counts]) -> None:
    events, session = [row.event for row in rows], sessions(rows)
    inside = [i for i, e in enumerate(events) if any(b.start <= e.created_on < b.end for b in buckets)]
    assert total == expected_counts(events, session, inside)
    for bucket, counts in zip(buckets, found, strict=True):
        places = [i for i in inside if bucket.start <= events[i].created_on < bucket.end]
        assert counts == expected_counts(events, session, places)


def check_breakdowns(events: Sequence[Event], filters: Filters, overview: Overview) -> None:
    inside = [e for e in events if filters.range.start <= e.created_on < filters.range.end]
    for column, rows in overview.breakdowns.items():
        count = Counter(value for event in inside if (value := value_of(event, column)))
        ranking = sorted(count, key=lambda name: (-count[name], name))
        assert [(row.value, row.events) for row in rows] == [(name, count[name]) for name in ranking[:TOP_VALUES]]
        for row in rows:
            assert row.devices == len({e.device_id for e in inside if value_of(e, column) == row.value} - {None})
        if filters.previous:
            before = [e for e in events if filters.previous.start <= e.created_on < filters.previous.end]
            previous = Counter(value_of(event, column) for event in before)
            assert [row.previous for row in rows] == [previous[row.value] for row in rows]


def check_drawn(events: Sequence[Event], filters: Filters, overview: Overview) -> None:
    assert list(overview.drawn) == [row.value for row in overview.breakdowns["event_type"][:DRAWN_TYPES]]
    for name, values in overview.drawn.items():
        mine = [e.created_on for e in events if e.event_type == name]
        assert values == [sum(b.start <= moment < b.end for moment in mine) for b in filters.buckets]


def value_of(event: Event, column: str) -> str | None:
    if column == "referrer_host":
        return (urlsplit(event.referrer).hostname or "").removeprefix("www.") if event.referrer else None
    value: str | None = getattr(event, column)
    return value


def random_events(seed: int, count: int) -> list[Event]:
    """Events around NOW in no order: several currencies and none, session ids and none, equal times, exact edges."""
    pick = random.Random(seed)
    types = ["page_view"] * 6 + ["START_SESSION", "REVENUE", "END_SESSION", *(f"type {n}" for n in range(9))]
    events = []
    for _ in range(count):
        moment = NOW - timedelta(minutes=pick.randrange(-120, 60 * 24 * pick.choice([1, 4, 16])))
        if pick.random() < 0.5:
            moment = moment.replace(second=0, microsecond=pick.choice([0, 999000]))
        if pick.random() < 0.2:
            moment = moment.replace(minute=0, second=0, microsecond=0)
        who = f"id-{pick.randrange(12)}"
        ids: dict[str, str | None] = {"user_id": who, "device_id": None} if pick.random() < 0.2 else {"device_id": who}
        name = pick.choice(types)
        more: dict[str, Any] = {
            "page_path": pick.choice([None, "/", "/a", f"/{pick.randrange(30)}"]),
            "referrer": pick.choice([None, "https://www.example.org/x?y", "http://Search.example/", "app"]),
            "country": pick.choice([None, "DE", "FR"]),
            "session_id": pick.choice([None, None, "s1", "s2"]),
            **ids,
        }
        if name == "REVENUE":
            more |= {
                "revenue": pick.choice([0.1, 0.2, 1e-06, -5, 1e12, 19.99]),
                "currency": pick.choice([None, "EUR", "JPY"]),
            }
        events.append(make_event(moment, name, **more))
    return events


def write(store: Path, events: Sequence[Event]) -> list[Row]:
    """Spread the events over partitions, closed segments and tails with garbage."""
    rows = []
    for number in range(3):
        mine = events[number::3]
        partition = Partition(store, number)
        rows += [Row(event, number, offset) for offset, event in enumerate(mine)]
        for begin in range(0, len(mine), 40):
            partition.commit(mine[begin : begin + 40], garbage=b'half a "row')
            if begin % 80 == 0:
                partition.close()
    return rows


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "query",
    [
        {"range": "24h", "compare": "previous"},
        {"range": "7d", "compare": "previous"},
        {"range": "1h", "compare": "previous"},
        {"from_": "2026-10-24T22:00", "to": "2026-10-25T06:00", "interval": "hour", "compare": "previous"},
        {"from_": "2026-10-24T00:00", "to": "2026-10-26T00:00", "interval": "hour", "compare": "previous"},
        {"from_": "2026-10-23T07:13", "to": "2026-10-25T06:01", "interval": "week"},
    ],
)
def test_every_number_is_what_its_definition_says(
    store: Path, reader: ReportReader, seed: int, query: dict[str, str]
) -> None:
    events = random_events(seed, 400)
    rows = write(store, events)
    filters = parse(**query)
    overview = read(reader, **query)
    check_period(rows, filters.buckets, overview.current.total, overview.current.buckets)
    if overview.previous:
        check_period(rows, filters.previous_buckets, overview.previous.total, overview.previous.buckets)
    check_breakdowns(events, filters, overview)
    check_drawn(events, filters, overview)


def test_the_page_agrees_with_itself(store: Path, reader: ReportReader) -> None:
    write(store, random_events(9, 500))
    overview = read(reader, range="7d")
    total, buckets = overview.current.total, overview.current.buckets
    assert total.events == sum(bucket.events for bucket in buckets) > 0
    for currency, amount in total.revenue.items():
        assert amount == sum(bucket.revenue.get(currency, 0) for bucket in buckets)
    assert total.devices < sum(bucket.devices for bucket in buckets)


def test_a_session_goes_on_through_30_minutes_of_silence_and_not_longer(store: Path, reader: ReportReader) -> None:
    start = NOW - timedelta(hours=5)
    minutes = [0, 30, 60, 60, 91]
    Partition(store).commit([make_event(start + timedelta(minutes=minute)) for minute in reversed(minutes)])
    assert read(reader).current.total.sessions == 2


def test_the_same_session_id_of_two_devices_is_two_sessions(store: Path, reader: ReportReader) -> None:
    times = [make_event(NOW - timedelta(minutes=n), device_id=f"d{n % 2}", session_id="1") for n in range(6)]
    Partition(store).commit(times)
    assert read(reader).current.total.sessions == 2


def test_a_device_and_a_user_of_the_same_name_are_two_people(store: Path, reader: ReportReader) -> None:
    moment = NOW - timedelta(minutes=5)
    Partition(store).commit([make_event(moment, device_id="x"), make_event(moment, user_id="x")])
    total = read(reader).current.total
    assert (total.devices, total.sessions) == (1, 2)


def test_revenue_is_exact_and_by_currency(store: Path, reader: ReportReader) -> None:
    amounts = [(0.1, "EUR")] * 10 + [(1e12, "EUR"), (-1e12, "EUR"), (2.5, None), (7, "JPY")]
    moment = NOW - timedelta(minutes=5)
    Partition(store).commit([make_event(moment, "REVENUE", revenue=a, currency=c) for a, c in amounts])
    revenue = read(reader).current.total.revenue
    assert revenue == {"EUR": Decimal(1), None: Decimal("2.5"), "JPY": Decimal(7)}


def test_the_currencies_with_the_most_payments_are_drawn(store: Path, reader: ReportReader) -> None:
    moment = NOW - timedelta(minutes=1)
    payments = {"EUR": 3, "CHF": 1, None: 2, "USD": 4, "JPY": 1, "SEK": 1, "GBP": 2}
    paid = [make_event(moment, "REVENUE", revenue=1, currency=code) for code in payments for _ in range(payments[code])]
    refunds = [make_event(moment, "REVENUE", revenue=-1, currency="SEK") for _ in range(5)]
    Partition(store).commit([*paid, *refunds])
    assert read(reader).currencies == {"EUR", "CHF", None, "USD", "GBP"}
    assert read(reader, filter="currency:not:USD").currencies == {"EUR", "CHF", None, "JPY", "GBP"}
    assert read(reader, filter="currency:is:SEK").currencies == {"SEK"}


def test_the_newest_events_come_first(store: Path, reader: ReportReader) -> None:
    events = [make_event(NOW - timedelta(minutes=n), f"type {n}") for n in (5, 1, 3, *range(10, 40))]
    Partition(store).commit(events)
    newest = read(reader).newest
    assert len(newest) == NEWEST
    assert [event.event_type for event in newest[:3]] == ["type 1", "type 3", "type 5"]
    assert newest[0].created_on == NOW - timedelta(minutes=1)


def test_an_empty_range_knows_of_the_newest_event(store: Path, reader: ReportReader) -> None:
    old = NOW - timedelta(days=400)
    Partition(store).commit([make_event(old), make_event(old - timedelta(days=1))])
    answer = ask(reader, parse())
    assert (answer.result.current.total, answer.is_empty, answer.newest_on) == (Counts(), True, old)
    assert answer.result.current.buckets == [Counts()] * 24


def test_an_empty_store_has_zeros_and_no_newest_event(reader: ReportReader) -> None:
    answer = ask(reader, parse(compare="previous"))
    assert (answer.result.current.total, answer.newest_on, answer.committed_at) == (Counts(), None, None)
    assert answer.result.previous is not None


def test_a_store_made_anew_under_the_same_names_is_counted_anew(store: Path, reader: ReportReader) -> None:
    for count in (3, 4):
        shutil.rmtree(store, ignore_errors=True)
        partition = Partition(store)
        partition.commit([make_event(NOW - timedelta(minutes=5)), *[make_event(NOW - timedelta(days=9))] * 3][:count])
        partition.commit([make_event(NOW - timedelta(minutes=5))] * (4 - count))
        partition.close()
        assert read(reader).current.total.events == 5 - count


def test_readers_beside_a_writer_never_see_half_a_commit(store: Path, reader: ReportReader) -> None:
    partition = Partition(store)
    batch = [make_event(NOW - timedelta(minutes=5))] * 10
    partition.commit(batch)
    with ThreadPoolExecutor(4) as threads:
        futures = []
        for step in range(20):
            futures += [threads.submit(read, reader) for _ in range(2)]
            partition.commit(batch, garbage=b'torn "row')
            if step % 3 == 0:
                partition.close()
        counts = [future.result().current.total.events for future in futures]
    assert all(count % 10 == 0 and count > 0 for count in counts)
    assert read(reader).current.total.events == partition.next_offset == 210
