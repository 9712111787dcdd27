"""A funnel's numbers against a plain computation that shares nothing with them but their definition."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from unittest.mock import patch
from zoneinfo import ZoneInfo

from django.utils.datastructures import MultiValueDict
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.native.library import library
from dashboard_app.measures import following
from dashboard_app.measures.funnel import (
    PEOPLE_PER_PAGE,
    TOP_VALUES,
    Conversion,
    Funnel,
    FunnelOptions,
    Listed,
    measure_funnel,
)
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.question.steps import parse_step
from dashboard_app.reading.rows import Rows
from tests.dashboard.plain_rows import START, Row, database, drawn_rows

NOW = START + timedelta(days=40)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Plain:
    """The attempt that counts of one person."""

    times: tuple[datetime, ...]
    value: str | None


def parse(**query: str) -> Filters:
    asked = {"from": f"{START:%Y-%m-%dT%H:%M}", "to": f"{START + 20 * MINUTE:%Y-%m-%dT%H:%M}", **query}
    return parse_filters(MultiValueDict({key: [value] for key, value in asked.items()}), now=NOW, tz=ZoneInfo("UTC"))


def attempt_from(rows: Sequence[Row], begin: int, steps: Sequence[str], window: timedelta) -> list[int]:
    """The places in `rows`, which are one person's in order, at which the attempt from `begin` reaches each step."""
    reached = [begin]
    for step in steps[1:]:
        following = [place for place in range(reached[-1] + 1, len(rows)) if rows[place].event_type == step]
        if not following or rows[following[0]].created_on - rows[begin].created_on > window:
            break
        reached.append(following[0])
    return reached


def plain_funnel(rows: Sequence[Row], filters: Filters, steps: Sequence[str], window: timedelta) -> dict[int, Plain]:
    counted = {}
    for person in {row.person for row in rows}:
        mine = sorted((row for row in rows if row.person == person), key=lambda row: row.place)
        starts = [
            place
            for place, row in enumerate(mine)
            if row.event_type == steps[0] and filters.range.start <= row.created_on < filters.range.end
        ]
        attempts = [attempt_from(mine, begin, steps, window) for begin in starts]
        if attempts:
            best = min(attempts, key=lambda reached: (-len(reached), reached[-1], -reached[0]))
            counted[person] = Plain(tuple(mine[place].created_on for place in best), mine[best[0]].country)
    return counted


def waits(attempts: Sequence[Plain], first: int, last: int) -> timedelta | None:
    spans = [
        (one.times[last] - one.times[first]) / timedelta(milliseconds=1) for one in attempts if len(one.times) > last
    ]
    return timedelta(milliseconds=median(spans)) if spans else None


def check(conversion: Conversion, attempts: Sequence[Plain], steps: int) -> None:
    assert [count.people for count in conversion.steps] == [
        sum(len(one.times) >= step for one in attempts) for step in range(1, steps + 1)
    ]
    expected = [None, *(waits(attempts, step - 1, step) for step in range(1, steps))]
    assert [count.median_wait for count in conversion.steps] == expected
    assert conversion.median_time == waits(attempts, 0, steps - 1)


def measure(rows: Sequence[Row], steps: Sequence[str], window: timedelta, **more: object) -> Funnel:
    options = FunnelOptions(tuple(parse_step(step, "step") for step in steps), window, **more)  # type: ignore[arg-type]
    return measure_funnel(Rows(database(rows)), parse(), options)


@settings(max_examples=150, deadline=None)
@given(
    drawn_rows(step=MINUTE, steps=40, most=40),
    st.lists(st.sampled_from("ABC"), min_size=2, max_size=4),
    st.sampled_from([1, 3, 8, 60]).map(lambda minutes: minutes * MINUTE),
    st.booleans(),
    st.sampled_from(["", "country"]),
)
def test_every_number_is_what_its_definition_says(
    rows: list[Row], steps: list[str], window: timedelta, compiled: bool, breakdown: str
) -> None:
    found = library() if compiled else None
    with patch.multiple(following, library=lambda: found, _ROWS=10, _PLAIN_ROWS=5, _PEOPLE_BYTES=150):
        funnel = measure(rows, steps, window, breakdown=breakdown, listed=Listed(2, converted=True))
    attempts = plain_funnel(rows, parse(), steps, window)
    check(funnel.total, list(attempts.values()), len(steps))
    values = Counter(one.value for one in attempts.values())
    assert {row.value: row.steps[0].people for row in funnel.breakdown} == (values if breakdown else {})
    for row in funnel.breakdown:
        check(row, [one for one in attempts.values() if one.value == row.value], len(steps))
    listed = {int(one.identity.label[1:]): (one.started_on, one.reached_on) for one in funnel.people}
    assert listed == {person: (one.times[0], one.times[1]) for person, one in attempts.items() if len(one.times) > 1}


def rows_of(*events: tuple[int, str], person: int = 1, country: str | None = None) -> list[Row]:
    """Rows of one person at these minutes; the offset grows."""
    return [
        Row(person, START + minute * MINUTE, 0, 100 * person + offset, event_type, country)
        for offset, (minute, event_type) in enumerate(events)
    ]


def people(funnel: Funnel) -> list[int]:
    return [count.people for count in funnel.total.steps]


def test_one_event_never_serves_two_steps() -> None:
    assert people(measure(rows_of((1, "A")), "AA", MINUTE)) == [1, 0]
    assert people(measure(rows_of((1, "A"), (1, "A")), "AA", MINUTE)) == [1, 1]
    assert people(measure(rows_of((1, "A"), (1, "A"), (2, "A")), "AAA", MINUTE)) == [1, 1, 1]


def test_events_of_the_same_time_are_in_the_order_of_the_store() -> None:
    for order in (1, -1):
        assert people(measure(rows_of((1, "A"), (1, "B"))[::order], "AB", MINUTE)) == [1, 1]
        assert people(measure(rows_of((1, "B"), (1, "A"))[::order], "AB", MINUTE)) == [1, 0]


def test_a_later_start_may_get_further_than_the_first() -> None:
    rows = rows_of((1, "A"), (2, "B"), (15, "A"), (16, "B"), (17, "C"))
    funnel = measure(rows, "ABC", 5 * MINUTE)
    assert people(funnel) == [1, 1, 1]
    assert funnel.total.median_time == 2 * MINUTE


def test_of_starts_that_lead_to_the_same_event_the_last_counts() -> None:
    funnel = measure(rows_of((1, "A"), (4, "A"), (5, "B")), "AB", 10 * MINUTE)
    assert funnel.total.median_time == MINUTE


def test_the_window_is_included_and_goes_on_after_the_range() -> None:
    late = rows_of((19, "A"), (29, "B"))
    assert people(measure(late, "AB", 10 * MINUTE)) == [1, 1]
    assert people(measure(late, "AB", 10 * MINUTE - timedelta(seconds=1))) == [1, 0]
    assert people(measure(rows_of((20, "A"), (21, "B")), "AB", 10 * MINUTE)) == [0, 0]


def test_values_beyond_the_commonest_are_one_row() -> None:
    rows = [row for n in range(TOP_VALUES + 5) for row in rows_of((1, "A"), (2, "B"), person=n, country=f"c{n:02}")]
    breakdown = measure(rows, "AB", MINUTE, breakdown="country").breakdown
    assert [row.value for row in breakdown[:-1]] == [f"c{n:02}" for n in range(TOP_VALUES)]
    assert (breakdown[-1].is_rest, breakdown[-1].steps[1].people) == (True, 5)


def test_who_dropped_is_listed_page_by_page() -> None:
    rows = [row for n in range(PEOPLE_PER_PAGE + 3) for row in rows_of((n % 20, "A"), person=n)]
    rows += rows_of((1, "A"), (2, "B"), person=999)
    pages = [measure(rows, "AB", MINUTE, listed=Listed(1, converted=False), page=page) for page in (1, 2)]
    assert [page.has_more for page in pages] == [True, False]
    names = [one.identity.label for page in pages for one in page.people]
    assert len(names) == PEOPLE_PER_PAGE + 3
    assert set(names) == {f"d{n}" for n in range(PEOPLE_PER_PAGE + 3)}


def test_the_steps_conditions_and_the_pages_filters_hold() -> None:
    rows = rows_of((1, "A"), (2, "B"), country="DE") + rows_of((1, "A"), (2, "B"), person=2, country="FR")
    assert people(measure(rows, ["A", "B|country:is:DE"], MINUTE)) == [2, 1]
    options = FunnelOptions((parse_step("A", "step"), parse_step("B", "step")), MINUTE)
    assert people(measure_funnel(Rows(database(rows)), parse(filter="country:not:FR", source="shop"), options)) == [
        1,
        1,
    ]
