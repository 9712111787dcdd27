"""The commonest values of columns against plain Python."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.measures.breakdowns import TOP_VALUES, ValueCount, measure_breakdowns
from dashboard_app.question.filters import DateRange, Filters, parse_filters
from tests.dashboard.events_table import EventRow, events_table
from tests.dashboard.queries import make_query

NOW = datetime(2026, 11, 24, tzinfo=UTC)
START = datetime(2026, 11, 22, tzinfo=UTC)
# More than fit into one word of bits.
COLUMNS = ("event_type", "page_path", "country", "platform", "source", "currency", "user_id")


def parse(**query: str) -> Filters:
    query |= {"from_": "2026-11-22T00:00", "to": "2026-11-23T00:00"}
    return parse_filters(make_query(**query), now=NOW, tz=ZoneInfo("UTC"))


def within(rows: Sequence[EventRow], date_range: DateRange | None) -> list[EventRow]:
    return [row for row in rows if date_range and date_range.start <= row.created_on < date_range.end]


def expected(rows: Sequence[EventRow], filters: Filters, column: str) -> list[ValueCount]:
    chosen = within(rows, filters.range)
    counts = Counter(value for row in chosen if (value := getattr(row, column)) is not None)
    before = Counter(getattr(row, column) for row in within(rows, filters.previous))
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP_VALUES]
    devices = {value: {row.device_id for row in chosen if getattr(row, column) == value} - {None} for value, _ in top}
    return [
        ValueCount(value, events, len(devices[value]), before[value] if filters.previous else None)
        for value, events in top
    ]


TEXT = st.sampled_from([None, "a", "b", "it's"])
ROWS = st.lists(
    st.builds(
        EventRow,
        created_on=st.integers(-30, 30).map(lambda hours: START + timedelta(hours=hours)),
        event_type=st.sampled_from(["page_view", "click"]),
        page_path=st.integers(0, 14).map(lambda number: f"/{number}"),
        country=TEXT,
        platform=TEXT,
        source=TEXT,
        currency=TEXT,
        user_id=TEXT,
        device_id=st.sampled_from([None, "d1", "d2", "d3"]),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, compare=st.sampled_from(["", "previous"]))
def test_events_and_devices_of_the_commonest_values_are_exact(rows: list[EventRow], compare: str) -> None:
    filters = parse(compare=compare)
    with events_table(rows) as connection:
        found = measure_breakdowns(connection, filters, COLUMNS)
    assert found == {column: expected(rows, filters, column) for column in COLUMNS}


def test_values_beyond_the_commonest_are_left_out_and_count_for_no_other() -> None:
    rows = [
        EventRow(START, page_path=f"/{number:02}", device_id=f"d{number}")
        for number in range(TOP_VALUES + 5)
        for _ in range(100 - number)
    ]
    with events_table(rows) as connection:
        found = measure_breakdowns(connection, parse(), ["page_path", "country"])
    assert found["page_path"] == [ValueCount(f"/{n:02}", 100 - n, 1, None) for n in range(TOP_VALUES)]
    assert found["country"] == []
