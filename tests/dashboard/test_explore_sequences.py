"""Explore from the sequences of the index has the numbers of the rows, and of the definitions in plain Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.event import Event
from brokerlytics.native.library import library
from dashboard_app.measures import explore, stored_groups
from dashboard_app.measures.explore import measure_explore
from dashboard_app.measures.explore_groups import Explored, Group, Pair
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.reading.committed import CommittedStore
from dashboard_app.reading.rows import Rows
from dashboard_app.sequence import different, pieces
from tests.dashboard.plain_explore import plain_groups
from tests.dashboard.plain_people import Row
from tests.dashboard.queries import make_query
from tests.dashboard.store_builder import Partition, make_event
from tests.dashboard.store_life import Life, StoreLife
from tests.dashboard.test_events import aliased
from tests.dashboard.test_index import build, files, opened

pytestmark = pytest.mark.long

# In the night before the 25th the clocks of Berlin go back, by an hour.
NOW = datetime(2026, 10, 26, 13, 25, 31, tzinfo=UTC)
TEXT = st.sampled_from([None, None, "a", "b", "it's", "c", "d"])
# Minutes before the present: of today, of days before, of years ago, of a time that is yet to come, and of edges.
AGES = st.one_of(
    st.integers(0, 25),
    st.integers(0, 180),
    st.integers(0, 60 * 24 * 9),
    st.sampled_from([60 * k + m for k in (0, 1, 12, 13, 14, 38) for m in (24, 25, 26)]),
    st.sampled_from([-600, 400 * 24 * 60]),
)


@st.composite
def happened(draw: st.DrawFn) -> Event:
    """Events of few people, who sign in now and then, with few values."""
    device = draw(st.sampled_from([None, "d1", "d2", "d3", "d4", "u1"]))
    event = make_event(
        NOW.replace(second=0) - timedelta(minutes=draw(AGES)) + timedelta(seconds=draw(st.sampled_from([0, 0, 59]))),
        draw(st.sampled_from(["view", "view", "buy", "t1"])),
        device_id=device,
        user_id=draw(st.sampled_from([None, None, "u1", "u2"])) if device else "u1",
        source=draw(st.sampled_from([None, "shop", "site"])),
        page_path=draw(st.one_of(TEXT, st.integers(0, 14).map(lambda number: f"/{number}"))),
        referrer=draw(st.sampled_from([None, "https://www.search.example/x", "http://news.example"])),
        country=draw(TEXT),
        properties=draw(st.sampled_from([{}, {}, {"previous_id": "u2"}, {"previous_id": "d2"}])),
    )
    return aliased(event, draw(st.sampled_from(["track", "track", "track", "alias"])))


LIVES = st.lists(
    st.tuples(
        st.lists(happened(), min_size=2, max_size=30),
        st.integers(0, 1),
        st.integers(4, 6),
        st.sampled_from(["build", "build", "close", "tail", "lose", "damage"]),
    ),
    min_size=1,
    max_size=4,
)
QUERIES = st.one_of(
    st.fixed_dictionaries(
        {
            "range": st.sampled_from(["24h", "7d", "30d"]),
            "compare": st.sampled_from(["", "previous"]),
            "source": st.sampled_from(["", "", "shop", "elsewhere"]),
            "interval": st.sampled_from(["", "", "hour", "day", "week"]),
        }
    ),
    st.just({"range": "24h", "interval": "minute"}),
    st.just({"range": "custom", "from": "2026-10-24T10:07", "to": "2026-10-26T09:40", "compare": "previous"}),
)
MEASURES = ["events", "devices", "users", "persons"]
EXPLORED = st.builds(
    Explored,
    st.lists(
        st.builds(Pair, st.sampled_from(["", "view", "view", "buy", "t9"]), st.sampled_from(MEASURES)),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple),
    st.sampled_from(["", "country", "country", "page_path", "referrer_host", "event_type", "source"]),
    st.sampled_from([1, 3, 10]),
)


@contextmanager
def small_pieces(*, is_native: bool) -> Iterator[None]:
    found = library() if is_native else None
    with (
        patch.object(pieces, "_ROWS", 3),
        patch.multiple(different, CORES=3, _ROWS_OF_A_CORE=5, library=lambda: found),
        patch.object(stored_groups, "library", lambda: found),
    ):
        yield


@contextmanager
def only_from_sequences() -> Iterator[None]:
    """Fails when rows of the index are read for it."""

    def measured_in(relation: str, *asked: Any) -> Any:
        assert relation == "recent"
        return in_relation(relation, *asked)

    in_relation = explore._measured_in
    with patch.object(explore, "_measured_in", measured_in), patch.object(explore, "_TOP", "SELECT error('from rows')"):
        yield


# Query, timezone, what is explored, and whether in C. A store is asked twice: to make it takes longest.
Asked = tuple[dict[str, str], str, Explored, bool]
ASKED: st.SearchStrategy[Asked] = st.tuples(
    QUERIES, st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]), EXPLORED, st.booleans()
)


def check(committed: CommittedStore, rows: list[Row], asked: list[Asked]) -> None:
    with committed.look() as look, committed.rows(look) as connection:
        rolled = committed.rolled(connection)
        for query, zone, explored, is_native in asked:
            filters = parse_filters(make_query(**query), now=NOW, tz=ZoneInfo(zone))
            expected = plain_groups(rows, filters, explored)
            assert measure_explore(Rows(connection), filters, explored).groups == expected
            if rolled:
                with only_from_sequences(), small_pieces(is_native=is_native):
                    assert measure_explore(Rows(connection, rolled), filters, explored).groups == expected


@settings(max_examples=20, deadline=None)
@given(life=LIVES, asked=st.lists(ASKED, min_size=2, max_size=2))
def test_sequences_rows_and_plain_python_have_the_same_groups(life: Life, asked: list[Asked]) -> None:
    with TemporaryDirectory() as place, opened(store := Path(place)) as committed:
        lived = StoreLife(store)
        for events, number, day, then in life:
            lived.step(events, number, day, then)
            if then == "build":
                build(store)
            if then == "damage":
                for path in files(store, "sequence-*")[:1]:
                    path.unlink()
            check(committed, lived.rows, asked)
        build(store)
        check(committed, lived.rows, asked)


FILTERS = parse_filters(make_query(range="7d"), now=NOW, tz=ZoneInfo("Europe/Berlin"))


@pytest.fixture
def indexed(store: Path) -> Path:
    """Three rows of an index: of one user and two devices, one of which has no user."""
    partition = Partition(store)
    partition.commit(
        [
            make_event(NOW - timedelta(hours=30), "view", country="DE", device_id="d1", user_id="u1"),
            make_event(NOW - timedelta(hours=29), "view", country="DE", device_id="d2"),
            make_event(NOW - timedelta(hours=28), "view", country="FR", device_id="d2"),
        ]
    )
    partition.close(date="2026-10-25")
    build(store)
    return store


def groups_of(committed: CommittedStore, measure: str, filters: Filters = FILTERS, top: int = 1) -> list[Group]:
    asked = Explored((Pair("view", measure),), "country", top)
    with committed.look() as look, committed.rows(look) as connection:
        rolled = committed.rolled(connection)
        assert rolled
        with only_from_sequences():
            return measure_explore(Rows(connection, rolled), filters, asked).groups


def test_other_is_there_when_none_of_its_rows_has_a_user(indexed: Path) -> None:
    with opened(indexed) as committed:
        assert [(one.value, one.is_other, one.total) for one in groups_of(committed, "users")] == [
            ("DE", False, 1),
            (None, True, 0),
        ]


def test_who_signs_in_later_is_one_person_in_the_index_and_beside_it(indexed: Path) -> None:
    with opened(indexed) as committed:
        assert [one.total for one in groups_of(committed, "persons")] == [2, 1]
        Partition(indexed, 1).commit([make_event(NOW, "view", country="DE", device_id="d2", user_id="u1")])
        assert [one.total for one in groups_of(committed, "persons")] == [1, 1]
        assert [one.total for one in groups_of(committed, "users")] == [1, 0]
        assert [one.total for one in groups_of(committed, "devices")] == [2, 1]


def test_conditions_and_properties_are_asked_of_rows(indexed: Path) -> None:
    asked = Explored((Pair("view", "users"),), "country", 3)
    filters = parse_filters(make_query(range="7d", filter="country:is:FR"), now=NOW, tz=ZoneInfo("UTC"))
    with opened(indexed) as committed, committed.look() as look, committed.rows(look) as connection:
        rows = Rows(connection, committed.rolled(connection))
        (group,) = measure_explore(rows, filters, asked).groups
        assert (group.value, group.total) == ("FR", 0)
        (group,) = measure_explore(rows, FILTERS, Explored(asked.pairs, "properties.plan", 3)).groups
        assert (group.value, group.total) == (None, 1)
