"""The numbers of sessions against plain Python, row by row."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.measures import row_visits
from dashboard_app.measures.paths import PathCount
from dashboard_app.measures.session_counts import SessionCounts
from dashboard_app.measures.sessions import LENGTHS, Sessions, measure_sessions
from dashboard_app.question.filters import DateRange, Filters, parse_filters
from dashboard_app.reading.rows import Rows
from tests.dashboard.events_table import EventRow, events_table
from tests.dashboard.queries import make_query

BERLIN = ZoneInfo("Europe/Berlin")
# The day after the clocks went back.
NOW = datetime(2026, 10, 26, 11, 17, 30, tzinfo=UTC)
RANGE_START = datetime(2026, 10, 24, 22, tzinfo=UTC)


def parse(**query: str | list[str]) -> Filters:
    return parse_filters(make_query(**query), now=NOW, tz=BERLIN)


def visits(rows: Sequence[EventRow], date_range: DateRange, passes: Callable[[EventRow], bool]) -> list[list[EventRow]]:
    """The rows of each session that has one in the range which passes, in order."""
    by_session = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.order):
        if date_range.start <= row.created_on < date_range.end:
            by_session[row.session].append(row)
    return [visit for visit in by_session.values() if any(passes(row) for row in visit)]


def length(visit: Sequence[EventRow]) -> timedelta:
    return visit[-1].created_on - visit[0].created_on


def expected_counts(chosen: Sequence[Sequence[EventRow]]) -> SessionCounts:
    milliseconds = [length(visit) // timedelta(milliseconds=1) for visit in chosen]
    acts = [sum(row.event_type not in ("START_SESSION", "END_SESSION") for row in visit) for visit in chosen]
    return SessionCounts(
        sessions=len(chosen),
        events=sum(map(len, chosen)),
        bounces=sum(count <= 1 for count in acts),
        median_length=median(milliseconds) * timedelta(milliseconds=1) if chosen else None,
    )


def expected_by(chosen: Sequence[Sequence[EventRow]], key: Callable[[Sequence[EventRow]], str | None]) -> object:
    groups = defaultdict(list)
    for visit in chosen:
        groups[key(visit)].append(visit)
    return {value: expected_counts(group) for value, group in groups.items()}


def expected_path(visit: Sequence[EventRow], pages: int) -> tuple[str, ...]:
    seen = [row.page_path for row in visit if row.page_path]
    return tuple(page for page, _ in groupby(seen))[:pages]


def first_of(values: Sequence[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def check(
    rows: Sequence[EventRow], filters: Filters, passes: Callable[[EventRow], bool], pages: int, column: str
) -> None:
    with events_table(rows) as connection:
        found = measure_sessions(Rows(connection), filters, column, pages)
    chosen = visits(rows, filters.range, passes)
    assert found.current.total == expected_counts(chosen)
    for bucket, counts in zip(filters.buckets, found.current.buckets, strict=True):
        began = [visit for visit in chosen if bucket.start <= visit[0].created_on < bucket.end]
        assert counts == expected_counts(began)
    check_previous(rows, filters, passes, found)
    classes = [timedelta(0), timedelta(milliseconds=1), *LENGTHS, timedelta.max]
    assert found.lengths == [
        sum(lower <= length(visit) < upper for visit in chosen) for lower, upper in pairwise(classes)
    ]
    assert found.values == expected_by(chosen, lambda visit: first_of([getattr(row, column) for row in visit]))
    assert found.entries == expected_by(chosen, lambda visit: first_of([row.page_path for row in visit]))
    assert found.exits == expected_by(chosen, lambda visit: first_of([row.page_path for row in reversed(visit)]))
    paths = Counter(path for visit in chosen if (path := expected_path(visit, pages)))
    ranking = sorted(paths.items(), key=lambda path: (-path[1], path[0]))
    assert found.paths == [PathCount(path, count) for path, count in ranking]


def check_previous(
    rows: Sequence[EventRow], filters: Filters, passes: Callable[[EventRow], bool], found: Sessions
) -> None:
    if not filters.previous:
        assert found.previous is None
        return
    assert found.previous is not None
    before = visits(rows, filters.previous, passes)
    assert found.previous.total == expected_counts(before)
    for bucket, counts in zip(filters.previous_buckets, found.previous.buckets, strict=True):
        assert counts == expected_counts([v for v in before if bucket.start <= v[0].created_on < bucket.end])


@st.composite
def events(draw: st.DrawFn) -> EventRow:
    """Around a night with an hour twice: equal times, edges of the range and of its buckets, few pages and sessions."""
    minutes = draw(st.sampled_from([-2000, -1441, -1, 0, 30, 30, 31, 119, 120, 181, 400, 1499, 1500, 1501]))
    return EventRow(
        RANGE_START + timedelta(minutes=minutes, milliseconds=draw(st.sampled_from([0, 0, 1, 9_999, 10_000, 29_999]))),
        session=draw(st.sampled_from(["s1", "s2", "s3"])),
        event_type=draw(st.sampled_from(["START_SESSION", "END_SESSION", "page_view", "click"])),
        page_path=draw(st.sampled_from([None, "/", "/", "/a", "/b"])),
        country=draw(st.sampled_from([None, "DE", "FR"])),
        platform=draw(st.sampled_from([None, "web", "ios"])),
        partition=draw(st.integers(0, 1)),
        day=draw(st.sampled_from([0, 0, 0, 1])),
    )


def stored(rows: list[EventRow]) -> list[EventRow]:
    return [replace(row, offset=offset) for offset, row in enumerate(rows)]


EVENTS = st.lists(events(), max_size=25).map(stored)
NIGHT = {"from_": "2026-10-25T00:00", "to": "2026-10-26T00:00", "interval": "hour"}


DAYS = st.integers(0, 2)
# Of one column a span has the value, of the other the rows have it.
COLUMNS = st.sampled_from(["platform", "country"])


@settings(max_examples=80, deadline=None)
@given(rows=EVENTS, pages=st.integers(1, 4), column=COLUMNS)
def test_every_number_is_what_its_definition_says(rows: list[EventRow], pages: int, column: str) -> None:
    check(rows, parse(**NIGHT, compare="previous"), lambda _: True, pages, column)


@st.composite
def close_events(draw: st.DrawFn) -> EventRow:
    """All within the range, of sessions that have several spans: one after the other, or one within the other."""
    moment = RANGE_START + timedelta(minutes=draw(st.integers(1, 9)))
    return replace(draw(events()), created_on=moment, session=draw(st.sampled_from(["s1", "s2"])), day=draw(DAYS))


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(close_events(), min_size=3, max_size=12).map(stored), pages=st.integers(1, 3))
def test_sessions_are_put_together_from_their_spans(rows: list[EventRow], pages: int) -> None:
    check(rows, parse(**NIGHT), lambda _: True, pages, "platform")


@settings(max_examples=40, deadline=None)
@given(rows=EVENTS, part_rows=st.integers(1, 6), column=COLUMNS)
def test_many_sessions_are_counted_part_by_part_with_the_same_numbers(
    rows: list[EventRow], part_rows: int, column: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_visits, "PART_ROWS", part_rows)
        filters = parse(**NIGHT, filter="country:is:DE", compare="previous")
        check(rows, filters, lambda row: row.country == "DE", 2, column)


def test_every_session_is_in_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_visits, "PART_ROWS", 10)
    sessions, events = np.arange(1, 8), np.array([9, 1, 10, 25, 1, 1, 1])
    parts = row_visits.Chosen(sessions, events, 0, 0).parts()
    assert [part.tolist() for part in parts] == [[1, 2], [3], [4, 5, 6, 7]]


@settings(max_examples=60, deadline=None)
@given(rows=EVENTS, column=COLUMNS)
def test_filters_choose_sessions_and_then_all_their_rows_count(rows: list[EventRow], column: str) -> None:
    filters = parse(**NIGHT, filter=["page_path:is:/a", "country:is:DE"], compare="previous")
    check(rows, filters, lambda row: (row.page_path, row.country) == ("/a", "DE"), 3, column)


def test_rates_are_rounded_to_the_nearest_and_absent_without_sessions() -> None:
    counts = SessionCounts(sessions=3, events=7, bounces=2)
    assert (str(counts.events_per_session), str(counts.bounce_rate)) == ("2.33", "66.7")
    assert (SessionCounts().events_per_session, SessionCounts().bounce_rate) == (None, None)
