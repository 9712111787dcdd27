"""Rollups: the overview has the same numbers by them, by the rows, and by plain Python."""

import shutil
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.event import Event
from brokerlytics.index_files import index_dir
from dashboard_app.measures.overview import Overview, measure_overview
from dashboard_app.measures.presence import has_rows, newest_on, sources
from dashboard_app.measures.rolled_periods import measure_rolled_period
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.reading.committed import CommittedStore
from dashboard_app.reading.rows import Rows
from dashboard_app.rollup import reading
from dashboard_app.rollup.covering import cover, minutes
from dashboard_app.rollup.kept import Kept
from dashboard_app.rollup.layout import ANY, DAY, EVERY_ROW, GROUP, PARTS, QUARTER, RollupFile, RollupWriter
from dashboard_app.rollup.number_sets import SetMaker, different, number_set
from dashboard_app.rollup.reading import Chosen, IndexedFile, Rollups
from tests.dashboard.plain_overview import check_overview
from tests.dashboard.queries import make_query
from tests.dashboard.store_builder import TOPIC, Partition, make_event
from tests.dashboard.store_life import Life, StoreLife
from tests.dashboard.test_index import build, opened

pytestmark = pytest.mark.long

# In the night before the 25th the clocks of Berlin go back, by an hour.
NOW = datetime(2026, 10, 26, 13, 25, 31, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York"]
TEXT = st.sampled_from([None, None, "a", "b", "it's"])
# Minutes before the present: of today, of days before, of years ago, and of a time that is yet to come.
AGES = st.one_of(
    st.integers(0, 25),
    st.integers(0, 180),
    st.integers(0, 60 * 24 * 9),
    st.sampled_from([60 * k + m for k in (0, 1, 12, 13, 14, 38) for m in (24, 25, 26)]),
    st.sampled_from([-600, 400 * 24 * 60]),
)


@st.composite
def happened(draw: st.DrawFn) -> Event:
    device = draw(st.sampled_from([None, "d1", "d2", "d3", "d4"]))
    pays = draw(st.booleans())
    return make_event(
        NOW.replace(second=0) - timedelta(minutes=draw(AGES)) + timedelta(seconds=draw(st.integers(0, 59))),
        draw(st.sampled_from(["page_view", "click", "buy", "t1", "t2", "t3", "t4", "t5"])),
        device_id=device,
        user_id=draw(st.sampled_from([None, "u1", "u2"])) if device else "u1",
        session_id=draw(st.sampled_from([None, None, "s1"])),
        source=draw(st.sampled_from([None, "shop", "site"])),
        page_path=draw(st.one_of(TEXT, st.integers(0, 14).map(lambda number: f"/{number}"))),
        referrer=draw(st.sampled_from([None, "https://www.search.example/x", "http://news.example"])),
        country=draw(TEXT),
        utm_source=draw(TEXT),
        platform=draw(st.sampled_from([None, "web"])),
        revenue=draw(st.sampled_from([1.5, -0.25, 19.99])) if pays else None,
        currency=draw(st.sampled_from([None, "EUR", "USD"])) if pays else None,
    )


QUERIES = st.fixed_dictionaries(
    {
        "range": st.sampled_from(["1h", "24h", "7d", "30d"]),
        "compare": st.sampled_from(["", "previous"]),
        "source": st.sampled_from(["", "", "shop", "elsewhere"]),
        "interval": st.sampled_from(["", "", "hour", "day", "week"]),
    }
)
STEPS = st.tuples(
    st.lists(happened(), min_size=4, max_size=30),
    st.integers(0, 1),
    st.integers(4, 6),
    st.sampled_from(["build", "build", "close", "tail", "rewrite"]),
)


def overviews(committed: CommittedStore, filters: Filters) -> tuple[Overview | None, Overview]:
    """By the rollups, None where there are none, and by the rows."""
    with committed.look() as look, committed.rows(look) as connection:
        rolled = committed.rolled(connection)
        by_rows = measure_overview(Rows(connection), filters)
        return measure_overview(Rows(connection, rolled), filters) if rolled else None, by_rows


@settings(max_examples=18, deadline=None)
@given(
    life=st.lists(STEPS, min_size=1, max_size=5),
    query=QUERIES,
    zone=st.sampled_from(ZONES),
    custom=st.booleans(),
)
def test_rollups_rows_and_plain_python_have_the_same_numbers(
    life: Life, query: dict[str, str], zone: str, custom: bool
) -> None:
    if custom:
        query = {**query, "range": "custom", "from": "2026-10-24T10:07", "to": "2026-10-26T09:40"}
    filters = parse_filters(make_query(**query), now=NOW, tz=ZoneInfo(zone))
    with TemporaryDirectory() as place, opened(store := Path(place)) as committed:
        lived = StoreLife(store)
        for events, number, day, then in life:
            lived.step(events, number, day, then)
            if then == "build":
                build(store)
            by_rollups, by_rows = overviews(committed, filters)
            check_overview(by_rows, lived.rows, filters)
            if by_rollups:
                assert by_rollups == by_rows
        build(store)
        by_rollups, by_rows = overviews(committed, filters)
        assert by_rollups == (by_rows if lived.closed else None)


FILTERS = parse_filters(make_query(range="7d"), now=NOW, tz=ZoneInfo("Europe/Berlin"))


@pytest.fixture
def indexed(store: Path) -> Path:
    """Six rows of two indexed days, of one device, and one of another in a tail."""
    partition = Partition(store)
    for number, date in enumerate(("2026-10-25", "2026-10-26")):
        partition.commit(
            [
                make_event(
                    NOW - timedelta(hours=30 * number + n),
                    page_path=f"/{n}",
                    device_id="d1",
                    user_id=f"u{n}",
                    revenue=1,
                )
                for n in range(3)
            ]
        )
        partition.close(date=date)
    # Of the second day all rows lie in hours that the rollups cover.
    partition.commit([make_event(NOW, page_path="/0", device_id="d2")])
    build(store)
    return store


def test_the_rollups_are_read_and_not_the_rows(indexed: Path) -> None:
    with opened(indexed) as committed, committed.look() as look, committed.rows(look) as connection:
        rows = Rows(connection, committed.rolled(connection))
        overview = measure_overview(rows, FILTERS)
        assert overview == measure_overview(Rows(connection), FILTERS)
        for file in index_dir(indexed, TOPIC).glob("rows-2026-10-26-*"):
            file.unlink()
        division = Rows(connection, committed.rolled(connection)).divide(FILTERS, FILTERS.range, FILTERS.buckets)
        assert division
        assert measure_rolled_period(division) == overview.current
    assert (overview.current.total.events, overview.current.total.devices) == (7, 2)


def test_conditions_and_buckets_of_minutes_are_read_from_rows(indexed: Path) -> None:
    with opened(indexed) as committed, committed.look() as look, committed.rows(look) as connection:
        rows = Rows(connection, committed.rolled(connection))
        assert rows.divide(FILTERS, FILTERS.range)
        conditions = parse_filters(make_query(range="7d", filter="page_path:is:/0"), now=NOW, tz=ZoneInfo("UTC"))
        assert not rows.divide(conditions, conditions.range)
        assert measure_overview(rows, conditions).current.total.events == 3
        minutes = parse_filters(make_query(range="24h", interval="minute"), now=NOW, tz=ZoneInfo("UTC"))
        assert not rows.divide(minutes, minutes.range, minutes.buckets)
        assert measure_overview(rows, minutes).current.total.events == 4


@pytest.mark.parametrize("range_name", ["1h", "7d"])
def test_sources_and_the_newest_row_are_the_same_with_an_index_and_without(indexed: Path, range_name: str) -> None:
    partition = Partition(indexed, 1)
    partition.commit([make_event(NOW - timedelta(hours=5), source="late"), make_event(NOW, source=None)])
    partition.close(date="2026-10-26")
    build(indexed)
    partition.commit([make_event(NOW - timedelta(minutes=30), source="newest")])
    filters = parse_filters(make_query(range=range_name, source="late"), now=NOW, tz=ZoneInfo("UTC"))
    with opened(indexed) as committed, committed.look() as look, committed.rows(look) as connection:
        by_rollups, by_rows = Rows(connection, committed.rolled(connection)), Rows(connection)
        assert sources(by_rollups, filters) == sources(by_rows, filters) != ()
        assert has_rows(by_rollups, filters) is has_rows(by_rows, filters) is (range_name == "7d")
        assert newest_on(by_rollups) == newest_on(by_rows) == NOW


def test_a_late_row_that_joins_two_sessions_of_the_index_makes_them_one(store: Path) -> None:
    partition = Partition(store)
    partition.commit([make_event(NOW - timedelta(hours=30, minutes=minute)) for minute in (0, 40)])
    partition.close(date="2026-10-25")
    build(store)
    with opened(store) as committed:
        by_rollups, _ = overviews(committed, FILTERS)
        assert by_rollups
        assert by_rollups.current.total.sessions == 2
        partition.commit([make_event(NOW - timedelta(hours=30, minutes=20))])
        by_rollups, by_rows = overviews(committed, FILTERS)
        assert by_rollups == by_rows
        assert by_rollups.current.total.sessions == 1


def test_what_was_counted_is_counted_anew_when_the_index_changes(indexed: Path) -> None:
    partition = Partition(indexed, 1)
    with opened(indexed) as committed:
        before, _ = overviews(committed, FILTERS)
        partition.commit([make_event(NOW - timedelta(hours=30), page_path="/1", device_id="d3")])
        partition.close(date="2026-10-25")
        build(indexed)
        by_rollups, by_rows = overviews(committed, FILTERS)
    assert before
    assert by_rollups == by_rows
    assert by_rows.current.total.devices == before.current.total.devices + 1


def test_an_index_that_is_made_anew_under_the_same_names_is_read_anew(indexed: Path) -> None:
    partition = Partition(indexed, 1)
    with opened(indexed) as committed:
        before, _ = overviews(committed, FILTERS)
        names = {path.name for path in (indexed / "index" / "events").glob("rollup-*")}
        shutil.rmtree(indexed / "index")
        partition.commit([make_event(NOW - timedelta(hours=30), page_path="/1", device_id="d3")])
        partition.close(date="2026-10-25")
        build(indexed)
        assert {path.name for path in (indexed / "index" / "events").glob("rollup-*")} == names
        by_rollups, by_rows = overviews(committed, FILTERS)
    assert before
    assert by_rollups == by_rows
    assert by_rows.current.total.devices == before.current.total.devices + 1


def test_a_cover_and_its_partial_slots_are_the_whole_range() -> None:
    for zone in ZONES:
        filters = parse_filters(make_query(range="30d", interval="day"), now=NOW, tz=ZoneInfo(zone))
        covered = cover(filters.buckets)
        slots = np.arange(minutes(filters.range.start) - 600, minutes(filters.range.end) + 600)
        by_day, by_slot = covered.days.bucket_of(slots), covered.slots.bucket_of(slots)
        partial = np.isin(slots // covered.step * covered.step, covered.partial)
        assert not np.any((by_day >= 0) & (by_slot >= 0))
        assert not np.any(partial & ((by_day >= 0) | (by_slot >= 0)))
        within = (slots >= minutes(filters.range.start)) & (slots < minutes(filters.range.end))
        assert np.array_equal(within, within & (partial | (by_day >= 0) | (by_slot >= 0)))
        for number, bucket in enumerate(filters.buckets):
            chosen = slots[(by_day == number) | (by_slot == number)]
            assert minutes(bucket.start) <= chosen.min() <= chosen.max() < minutes(bucket.end)


@pytest.mark.parametrize("limit", [1000, 100_000])
def test_sets_count_different_numbers_once_however_many_there_are(limit: int) -> None:
    pick = np.random.default_rng(5)
    maker, every = SetMaker(limit), set[int]()
    for size in (0, 3, 500):
        parts = [pick.integers(0, limit // 10, size), pick.integers(0, limit // 10, size)]
        numbers = {*parts[0].tolist(), *parts[1].tolist()}
        every |= numbers
        # Some of them are in the set, some are not, and some are above all that may be.
        others = pick.integers(0, limit + 50, 60)
        for some in (maker.make(parts), number_set(np.concatenate(parts))):
            assert some.count == len(numbers)
            assert some.count_with(others) == len(numbers | {*others.tolist()})
            assert some.count_with(others[:0]) == len(numbers)
    # Far from zero, close to each other or not.
    for far in (np.array([10**12, 10**12 + 9]), np.array([5, 10**12])):
        assert number_set(np.concatenate([far, far])).count_with(np.array([0, 5, 10**12 + 9])) == 4
    assert maker.everything().count == len(every)
    assert maker.everything().count_with(others) == len(every | {*others.tolist()})


def test_what_was_not_asked_for_the_longest_is_made_again() -> None:
    kept, made = Kept(most_bytes=20), list[str]()

    def ask(name: str, size: int) -> str:
        def make() -> str:
            made.append(name)
            return name.upper()

        return kept.get(name, make, lambda _: size)

    assert [ask(name, 8) for name in ("a", "b", "a", "c", "a", "b")] == ["A", "B", "A", "C", "A", "B"]
    assert made == ["a", "b", "c", "b"]
    assert ask("d", 11) == ask("d", 11) == "D"
    assert ask("a", 8) == "A"
    assert made == ["a", "b", "c", "b", "d", "d"]


@pytest.mark.parametrize(
    ("begins", "count"),
    [([0, 2_000_000], 2_000_000), (list(range(0, 4_000_000, 50_000)), 1)],
    ids=["large", "scattered"],
)
def test_what_was_read_of_the_members_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begins: list[int], count: int
) -> None:
    path = tmp_path / "rollup"
    members = np.arange(4_000_000, dtype=np.uint32)
    groups = np.zeros(len(begins), GROUP)
    groups["value"], groups["begin"], groups["members"] = ANY, begins, count
    groups["slot"] = minutes(NOW) // DAY * DAY + QUARTER * np.arange(len(begins))
    writer = RollupWriter(path)
    for part in PARTS:
        writer.add(groups.copy() if part == EVERY_ROW else groups[:0], members if part == EVERY_ROW else members[:0])
    writer.finish(minutes(NOW) // DAY * DAY, minutes(NOW), np.zeros(0, np.int64))

    monkeypatch.setattr(reading, "_MAPPED", 5_000_000)
    rollups = Rollups([IndexedFile("day", RollupFile(path), path, is_touched=False)])
    keys = np.arange(len(begins))
    chosen = Chosen(rollups.files[0].rollup.by_slot(EVERY_ROW), keys * 0, keys * 0)
    for begin, ((_, some),) in zip(begins, rollups.members(chosen, keys, len(keys)), strict=True):
        assert different(some).tolist() == list(range(begin, begin + count))
        assert some.nbytes < _resident(path) < some.nbytes + 7_000_000


def _resident(path: Path) -> int:
    """Bytes of the file that are memory of this process."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    return next(
        1024 * int(line.split()[1])
        for line in dropwhile(lambda line: not line.endswith(str(path)), lines)
        if line.startswith("Rss:")
    )
