"""What happens now, against plain Python."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.measures.live import MINUTES, NEWEST, Live, PageNow, measure_live
from dashboard_app.question.filters import Filters, parse_filters
from tests.dashboard.events_table import EventRow, events_table
from tests.dashboard.queries import make_query

NOW = datetime(2026, 10, 26, 11, 17, 30, tzinfo=UTC)
FIRST_MINUTE = datetime(2026, 10, 26, 10, 48, tzinfo=UTC)
HERE_SINCE = datetime(2026, 10, 26, 11, 12, tzinfo=UTC)
END = datetime(2026, 10, 26, 11, 18, tzinfo=UTC)


def parse(**query: str | list[str]) -> Filters:
    return parse_filters(make_query(**query), now=NOW, tz=ZoneInfo("Europe/Berlin"))


def measure(rows: Sequence[EventRow], **query: str | list[str]) -> Live:
    with events_table(rows) as connection:
        return measure_live(connection, parse(**query), END)


@st.composite
def events(draw: st.DrawFn) -> EventRow:
    """Events of the last half hour and before, late ones and some of the future, equal times among them."""
    seconds = st.sampled_from([-40, -30, -29, 0, 1, 30, 31, 329, 330, 331, 1769, 1770, 1771, 90_000])
    received = NOW - timedelta(seconds=draw(seconds))
    return EventRow(
        draw(st.sampled_from([received, NOW - timedelta(seconds=draw(seconds))])),
        received_on=received,
        person=(person := draw(st.sampled_from(["p1", "p2", "p3"]))),
        device_id=f"device of {person}",
        page_path=draw(st.sampled_from([None, "/", "/a"])),
        source=draw(st.sampled_from(["shop", "app"])),
        partition=draw(st.integers(0, 2)),
    )


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(events(), max_size=30).map(lambda rows: [replace(row, offset=n) for n, row in enumerate(rows)]),
    source=st.sampled_from(["", "shop"]),
)
def test_every_number_is_what_its_definition_says(rows: list[EventRow], source: str) -> None:
    found = measure(rows, source=source)
    passing = [row for row in rows if source in ("", row.source)]
    came = [row for row in passing if FIRST_MINUTE <= (row.received_on or NOW) < END]
    came.sort(key=lambda row: (row.received_on, row.partition, row.offset), reverse=True)
    assert [(event.partition, event.offset) for event in found.newest] == [(r.partition, r.offset) for r in came]
    for minute in range(MINUTES):
        start = FIRST_MINUTE + timedelta(minutes=minute)
        mine = [row for row in passing if start <= row.created_on < start + timedelta(minutes=1)]
        assert found.events_by_minute[minute] == len(mine)
        assert found.persons_by_minute[minute] == len({row.person for row in mine})
    present = [row for row in passing if HERE_SINCE <= row.created_on < END]
    assert (found.here, found.events_here) == (len({row.person for row in present}), len(present))
    check_visitors(present, found)
    check_pages(present, found)


def check_visitors(present: Sequence[EventRow], found: Live) -> None:
    by_person = defaultdict(list)
    for row in sorted(present, key=lambda row: row.order):
        by_person[row.person].append(row)
    expected = {
        f"device of {person}": (
            mine[-1].created_on,
            len(mine),
            next((row.page_path for row in reversed(mine) if row.page_path), None),
        )
        for person, mine in by_person.items()
    }
    assert {visitor.who: (visitor.seen_on, visitor.events, visitor.page_path) for visitor in found.visitors} == expected
    seen = [visitor.seen_on for visitor in found.visitors]
    assert seen == sorted(seen, reverse=True)


def check_pages(present: Sequence[EventRow], found: Live) -> None:
    pages = [
        PageNow(page, len({row.person for row in mine}), len(mine))
        for page in ("/", "/a")
        if (mine := [row for row in present if row.page_path == page])
    ]
    assert found.pages == sorted(pages, key=lambda page: (-page.persons, -page.events, page.page_path))


def test_the_stream_ends_after_the_newest() -> None:
    rows = [EventRow(NOW - timedelta(seconds=n), offset=n) for n in range(NEWEST + 5)]
    assert [event.offset for event in measure(rows).newest] == list(range(NEWEST))
