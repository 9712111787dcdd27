"""The relation `events` against plain Python: who did it, and in which session."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.event import Event
from dashboard_app.reading.committed import CommittedStore
from dashboard_app.reading.scratch import ScratchDirectory
from tests.dashboard.plain_people import Row, persons, sessions
from tests.dashboard.store_builder import TOPIC, Partition, make_event

START = datetime(2026, 11, 23, 9, tzinfo=UTC)

IDS = st.sampled_from(["a", "b", "a b", "ä'"])
OBJECTS = st.sampled_from([{}, {"previous_id": "a"}, {"previous_id": "b"}, {"previous_id": "d1"}, {"previous_id": ""}])


@st.composite
def stored_events(draw: st.DrawFn) -> Event:
    """Anonymous, identified and aliased events of few people, in any order, many at the same time."""
    device, user = draw(st.tuples(st.sampled_from([None, "d1", "d2", "a"]), st.one_of(st.none(), IDS)))
    return make_event(
        START + timedelta(minutes=draw(st.sampled_from([0, 1, 30, 31, 60, 61, 90, 1441]))),
        device_id=device if device or user else "d3",
        user_id=user,
        session_id=draw(st.sampled_from([None, None, None, "s1", "s 2"])),
        properties=draw(OBJECTS),
        context=draw(OBJECTS),
        event_type=draw(st.sampled_from(["page_view", "page_view", "START_SESSION"])),
        page_path=draw(st.sampled_from([None, "/", "/", "/a", "/b"])),
        platform=draw(st.sampled_from([None, "web", "ios"])),
        revenue=draw(st.sampled_from([None, None, 2.5, -1.0])),
    )


def aliased(event: Event, kind: str) -> Event:
    event.kind = kind  # type: ignore[assignment]
    return event


def alias_of(previous_id: str, place: str) -> dict[str, Any]:
    return {place: {"previous_id": previous_id}}


EVENT = st.builds(aliased, stored_events(), st.sampled_from(["track", "track", "alias"]))
EVENTS = st.lists(EVENT, max_size=25)


def write(store: Path, batches: Sequence[Sequence[Event]]) -> list[Row]:
    """Each batch into the next partition; the first half of each in a closed segment, the rest in the tail."""
    rows = []
    for number, batch in enumerate(batches):
        partition = Partition(store, number)
        half = len(batch) // 2
        if half:
            partition.commit(batch[:half])
            partition.close()
        partition.commit(batch[half:])
        rows += [Row(event, number, offset) for offset, event in enumerate(batch)]
    return rows


def keys_of(store: Path) -> list[tuple[str, str]]:
    """Person and session of every row, by partition and offset."""
    with TemporaryDirectory() as place:
        scratch = ScratchDirectory(Path(place))
        committed = CommittedStore(store, TOPIC, scratch)
        with committed.look() as look, committed.rows(look) as connection:
            found = connection.execute("SELECT person, session FROM events ORDER BY _partition, _offset").fetchall()
        scratch.close()
    return found


def partitioned(keys: Sequence[object]) -> list[set[int]]:
    """Which places have the same key."""
    places = defaultdict(set)
    for place, key in enumerate(keys):
        places[key].add(place)
    return sorted(places.values(), key=min)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(EVENTS, min_size=1, max_size=3))
def test_persons_and_sessions_are_what_their_definition_says(batches: list[list[Event]]) -> None:
    with TemporaryDirectory() as place:
        rows = write(Path(place), batches)
        found = keys_of(Path(place))
    assert partitioned([person for person, _ in found]) == partitioned(persons(rows))
    assert partitioned([session for _, session in found]) == partitioned(sessions(rows))


def test_a_device_belongs_to_the_user_it_first_identified_as_also_before_that(store: Path) -> None:
    minutes = [timedelta(minutes=minute) for minute in range(5)]
    events = [
        make_event(START + minutes[0], device_id="d"),
        make_event(START + minutes[3], device_id="d", user_id="later"),
        make_event(START + minutes[2], device_id="d", user_id="first"),
        make_event(START + minutes[4], device_id="d"),
        make_event(START + minutes[4], user_id="first"),
    ]
    Partition(store).commit(events)
    people = [person for person, _ in keys_of(store)]
    assert people[0] == people[2] == people[3] == people[4] != people[1]


@pytest.mark.parametrize("place", ["properties", "context"])
def test_an_alias_makes_two_users_or_a_user_and_a_device_one(store: Path, place: str) -> None:
    events = [
        make_event(START, user_id="old"),
        make_event(START, device_id="d"),
        make_event(START, user_id="new"),
        aliased(make_event(START, user_id="new", **alias_of("old", place)), "alias"),
        aliased(make_event(START, user_id="old", **alias_of("d", place)), "alias"),
    ]
    Partition(store).commit(events)
    assert len({person for person, _ in keys_of(store)}) == 1


def test_a_session_is_the_same_whatever_the_range(store: Path, scratch: ScratchDirectory) -> None:
    Partition(store).commit([make_event(START + timedelta(minutes=20 * n)) for n in range(100)])
    committed = CommittedStore(store, TOPIC, scratch)
    late = "SELECT DISTINCT session FROM events WHERE created_on >= $start"
    with committed.look() as look, committed.rows(look) as connection:
        whole = connection.execute("SELECT DISTINCT session FROM events").fetchall()
        part = connection.execute(late, {"start": datetime(2026, 11, 23, 20)}).fetchall()  # noqa: DTZ001
    assert len(whole) == 1
    assert part == whole


def test_every_column_is_there_under_its_type(store: Path, scratch: ScratchDirectory) -> None:
    Partition(store).commit([make_event(START, revenue=1.5, currency="EUR", properties={"plan": {"name": "pro"}})])
    committed = CommittedStore(store, TOPIC, scratch)
    query = "SELECT revenue, received_on, properties ->> '$.plan.name', context, _offset FROM events"
    with committed.look() as look, committed.rows(look) as connection:
        assert [str(value) for value in connection.execute(query).fetchall()[0]] == [
            "1.500000",
            "2026-11-23 09:00:00",
            "pro",
            "None",
            "0",
        ]
