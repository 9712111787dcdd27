"""A funnel from the sequences of the index has the numbers of one from rows, and of the definition in plain Python."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.event import Event
from brokerlytics.native.library import Library
from dashboard_app.measures import attempts, following, stored_rows
from dashboard_app.measures.attempts import load_attempts
from dashboard_app.question.filters import Filters, naive
from dashboard_app.question.steps import parse_step
from dashboard_app.reading.committed import CommittedStore
from dashboard_app.reading.rows import Rows
from tests.dashboard import plain_rows
from tests.dashboard.plain_people import Row, persons
from tests.dashboard.plain_rows import START
from tests.dashboard.store_builder import Partition, make_event
from tests.dashboard.store_life import Life, StoreLife
from tests.dashboard.test_events import aliased
from tests.dashboard.test_funnel_numbers import MINUTE, parse, plain_funnel
from tests.dashboard.test_index import build, files, opened

pytestmark = pytest.mark.long

Attempts = list[tuple[object, ...]]


@st.composite
def happened(draw: st.DrawFn) -> Event:
    """Events of few people, many at the same time, in no order; those of one day of the store are of any time."""
    device, user = draw(st.tuples(st.sampled_from([None, "d1", "d2", "d3"]), st.sampled_from([None, None, "a", "b"])))
    event = make_event(
        START + draw(st.integers(-1, 12)) * 2 * MINUTE + draw(st.sampled_from([0, 0, 1])) * timedelta(hours=2),
        draw(st.sampled_from("AABBCD")),
        device_id=device if device or user else "d1",
        user_id=user,
        properties=draw(st.sampled_from([{}, {"previous_id": "a"}, {"previous_id": "b"}, {"previous_id": "d2"}])),
        source=draw(st.sampled_from([None, "shop", "shop", "site"])),
    )
    return aliased(event, draw(st.sampled_from(["track", "track", "track", "alias"])))


LIVES = st.lists(
    st.tuples(
        st.lists(happened(), max_size=20),
        st.integers(0, 1),
        st.integers(1, 3),
        st.sampled_from(["build", "build", "build", "close", "tail", "lose", "damage"]),
    ),
    min_size=1,
    max_size=5,
)


# Steps, window and source. A store is asked several of them: to make it takes longest.
Asked = tuple[list[str], timedelta, str]
ASKED: st.SearchStrategy[Asked] = st.tuples(
    st.lists(st.sampled_from("ABCE"), min_size=2, max_size=3),
    st.sampled_from([1, 4, 20, 300]).map(lambda minutes: minutes * MINUTE),
    st.sampled_from(["", "", "shop", "elsewhere"]),
)


def found_by(rows: Rows, filters: Filters, steps: Sequence[str], window: timedelta) -> Attempts:
    load_attempts(rows, filters, [parse_step(step, "step") for step in steps], window, "")
    return sorted(rows.connection.execute("SELECT * EXCLUDE (person) FROM attempt").fetchall(), key=str)


def plainly(rows: Sequence[Row], filters: Filters, steps: Sequence[str], window: timedelta) -> Attempts:
    people = persons(rows)
    numbers = {person: number for number, person in enumerate(people)}
    plain = [
        plain_rows.Row(numbers[person], row.event.created_on, row.partition, row.offset, row.event.event_type)
        for row, person in zip(rows, people, strict=True)
        if filters.source in ("", row.event.source)
    ]
    counted = plain_funnel(plain, filters, steps, window).values()
    never = [None] * len(steps)
    return sorted(((len(one.times), *[*map(naive, one.times), *never][: len(steps)]) for one in counted), key=str)


@contextmanager
def small_pieces() -> Iterator[None]:
    with patch.multiple(following, _ROWS=10, _PEOPLE_BYTES=150, _PART_BYTES=200), patch.object(stored_rows, "_ROWS", 3):
        yield


@contextmanager
def only_from_sequences() -> Iterator[None]:
    """Fails when a funnel is measured in another way."""
    with patch.object(attempts, "_HOURS", "SELECT error('from rows')"):
        yield


@settings(max_examples=25, deadline=None)
@given(life=LIVES, asked=st.lists(ASKED, min_size=3, max_size=3))
def test_sequences_rows_and_plain_python_have_the_same_attempts(
    native: Library, life: Life, asked: list[Asked]
) -> None:
    assert native
    with TemporaryDirectory() as place, opened(store := Path(place)) as committed, small_pieces():
        lived = StoreLife(store)
        for events, number, day, then in life:
            lived.step(events, number, day, then)
            if then == "build":
                build(store)
            if then == "damage":
                for path in files(store, "sequence-*")[:1]:
                    path.unlink()
            check(committed, lived.rows, asked)


def check(committed: CommittedStore, rows: Sequence[Row], asked: Sequence[Asked]) -> None:
    with committed.look() as look, committed.rows(look) as connection:
        rolled = committed.rolled(connection)
        for steps, window, source in asked:
            filters = parse(source=source)
            expected = plainly(rows, filters, steps, window)
            assert found_by(Rows(connection), filters, steps, window) == expected
            if rolled:
                with only_from_sequences():
                    assert found_by(Rows(connection, rolled), filters, steps, window) == expected
        if rolled:
            who = connection.execute("SELECT DISTINCT who, person FROM base_span WHERE day <> ''").fetchall()
            known = rolled.index.sequences.persons
            assert [known[number] for number, _ in who if number < len(known)] == [
                person for number, person in who if number < len(known)
            ]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("second", ["same file", "other file", "tail"])
def test_rows_of_the_same_time_are_in_the_order_of_their_places_wherever_they_are(
    store: Path, native: Library, order: int, second: str
) -> None:
    assert native
    one, other = (Partition(store, number) for number in range(2)[::order])
    one.commit([make_event(START, "A")])
    one.close(date="2026-10-24")
    other.commit([make_event(START, "B")])
    if second != "tail":
        other.close(date="2026-10-24" if second == "same file" else "2026-10-25")
    build(store)
    with opened(store) as committed, committed.look() as look, committed.rows(look) as connection:
        with only_from_sequences():
            found = found_by(Rows(connection, committed.rolled(connection)), parse(), "AB", MINUTE)
        assert [level for level, *_ in found] == [2 if order == 1 else 1]


@pytest.mark.parametrize("order", [1, -1])
def test_rows_of_the_same_time_are_in_order_in_each_of_the_stretches_that_are_read_side_by_side(
    store: Path, native: Library, order: int
) -> None:
    assert native
    one, other = (Partition(store, number) for number in range(2)[::order])
    later = START + 120 * MINUTE
    one.commit([make_event(START, "A", device_id="earlier"), make_event(later, "A")])
    other.commit([make_event(later, "B")])
    filters = parse(to=f"{later + MINUTE:%Y-%m-%dT%H:%M}")
    with opened(store) as committed, committed.look() as look, committed.rows(look) as connection, small_pieces():
        found = found_by(Rows(connection), filters, "AB", MINUTE)
    assert [level for level, *_ in found] == [1, 2 if order == 1 else 1]


def test_who_signs_in_later_is_one_person_also_before_that(store: Path, native: Library) -> None:
    assert native
    partition = Partition(store)
    partition.commit([make_event(START, "A", device_id="d"), make_event(START + MINUTE, "B", user_id="u")])
    partition.close(date="2026-10-24")
    build(store)
    with opened(store) as committed:

        def levels() -> list[object]:
            with committed.look() as look, committed.rows(look) as connection, only_from_sequences():
                found = found_by(Rows(connection, committed.rolled(connection)), parse(), "AB", MINUTE)
            return [level for level, *_ in found]

        assert levels() == [1]
        partition.commit([make_event(START + MINUTE, "C", device_id="d", user_id="u")])
        assert levels() == [2]
        partition.commit([make_event(START + MINUTE, "C", device_id="e")])
        assert levels() == [2]
        partition.close(date="2026-10-25")
        build(store)
        assert levels() == [2]


def test_conditions_of_steps_and_filters_are_asked_of_rows(store: Path) -> None:
    partition = Partition(store)
    partition.commit([make_event(START, "A", country="DE"), make_event(START + MINUTE, "B", country="FR")])
    partition.close(date="2026-10-24")
    build(store)
    with opened(store) as committed, committed.look() as look, committed.rows(look) as connection:
        rows = Rows(connection, committed.rolled(connection))

        def levels(filters: Filters, *steps: str) -> list[object]:
            return [level for level, *_ in found_by(rows, filters, steps, MINUTE)]

        assert levels(parse(), "A", "B") == [2]
        assert levels(parse(), "A", "B|country:is:DE") == [1]
        assert levels(parse(filter="country:is:DE"), "A", "B") == [1]
        assert levels(parse(filter="country:is:FR"), "A", "B") == []
