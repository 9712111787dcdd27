"""The index: the same numbers from CSV, from the index and from both, and nothing believed that is not so."""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dashboard_app.reading.committed
from brokerlytics.csv_format import COLUMNS
from brokerlytics.event import Event
from brokerlytics.index_files import believable_days, index_dir, read_manifest, write_manifest
from dashboard_app.index.builder import IndexBuilder
from dashboard_app.reading.committed import CommittedStore
from dashboard_app.reading.scratch import ScratchDirectory
from tests.dashboard.plain_facts import check_facts
from tests.dashboard.plain_people import Row, persons, sessions
from tests.dashboard.plain_sequences import check_sequences
from tests.dashboard.plain_spans import SpanRow, plain_span
from tests.dashboard.store_builder import TOPIC, Partition, make_event
from tests.dashboard.store_life import Life, StoreLife
from tests.dashboard.test_events import EVENT, EVENTS, START, partitioned

pytestmark = pytest.mark.long

EVERYTHING = f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY _partition, _offset"
KEYS = "SELECT person, session FROM events ORDER BY _partition, _offset"
SPAN_ROWS = """SELECT span, person, session, created_on, _partition, _offset, event_type, page_path, platform,
               user_id, device_id FROM span_events"""
SPANS = ("span", "person", "session", "first_on", "last_on", "events", "has_user", "has_device")
AMOUNTS = f"SELECT {', '.join(COLUMNS)}, person, session FROM {{}} ORDER BY _partition, _offset"
Found = tuple[list[tuple[object, ...]], list[set[int]], list[set[int]]]


@contextmanager
def opened(store: Path) -> Iterator[CommittedStore]:
    with TemporaryDirectory() as place:
        scratch = ScratchDirectory(Path(place))
        yield CommittedStore(store, TOPIC, scratch)
        scratch.close()


def found_by(committed: CommittedStore) -> Found:
    """Every row, which rows are one person's, and which are one session's."""
    with committed.look() as look, committed.rows(look) as connection:
        rows = connection.execute(EVERYTHING).fetchall()
        keys = connection.execute(KEYS).fetchall()
        check_spans(connection)
        paid = connection.execute(AMOUNTS.format("events WHERE revenue IS NOT NULL")).fetchall()
        assert connection.execute(AMOUNTS.format("amounts")).fetchall() == paid
    return rows, partitioned([person for person, _ in keys]), partitioned([session for _, session in keys])


def check_spans(connection: duckdb.DuckDBPyConnection) -> None:
    """Every span is what its rows make it, and all of them are one person's and one session's."""
    by_span = defaultdict(list)
    for span, person, session, created_on, partition, offset, *rest in connection.execute(SPAN_ROWS).fetchall():
        order = (created_on.replace(tzinfo=UTC), partition, offset)
        by_span[span].append(SpanRow(person, session, 0, order, *rest))
    assert all(len({(row.person, row.session) for row in rows}) == 1 for rows in by_span.values())
    plain = [plain_span(span, rows) for span, rows in sorted(by_span.items())]
    expected = [tuple(span[name] for name in SPANS) for span in plain]
    assert connection.execute(f"SELECT {', '.join(SPANS)} FROM spans ORDER BY span").fetchall() == expected


def read(store: Path) -> Found:
    """The same by a process that looks for the first time."""
    with opened(store) as committed:
        return found_by(committed)


def build(store: Path, part_rows: int = 20) -> int:
    """Bring the index up to date; returns how many generations that took. Parts of days are small."""
    with TemporaryDirectory() as place:
        scratch = ScratchDirectory(Path(place))
        builder = IndexBuilder(store, TOPIC, scratch, lambda *_: None, part_rows=part_rows)
        builder.check()
        steps = 0
        while (plan := builder.plan()).is_needed:
            builder.build(plan)
            steps += 1
        builder.sweep()
        scratch.close()
    return steps


def without_index(store: Path) -> Found:
    hidden = store / "hidden"
    (store / "index").rename(hidden)
    try:
        return read(store)
    finally:
        hidden.rename(store / "index")


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """What happens to a store: events of a partition, on one of three days, and then nothing, a build, or a loss."""
    then = st.sampled_from(["build", "build", "close", "tail", "tail", "lose"])
    steps = st.tuples(EVENTS, st.integers(0, 1), st.integers(1, 3), then)
    return draw(st.lists(steps, min_size=1, max_size=6))


def check(found: Found, rows: list[Row]) -> None:
    rows = sorted(rows, key=lambda row: (row.partition, row.offset))
    assert [row[-2:] for row in found[0]] == [(row.partition, row.offset) for row in rows]
    assert found[1] == partitioned(persons(rows))
    assert found[2] == partitioned(sessions(rows))


@settings(max_examples=25, deadline=None)
@given(life=lives())
def test_csv_index_and_both_give_the_same_after_whatever_happened(
    life: Life,
) -> None:
    with TemporaryDirectory() as place, opened(store := Path(place)) as who_looks_on:
        lived = StoreLife(store)
        for events, number, day, then in life:
            lived.step(events, number, day, then)
            if then == "build":
                build(store)
                check_sequences(store)
                check_facts(store)
            check(found_by(who_looks_on), lived.rows)
        found = read(store)
        check(found, lived.rows)
        build(store)
        assert read(store) == found
        assert without_index(store) == found


ARRIVALS = st.lists(st.tuples(st.lists(EVENT, min_size=1, max_size=6), st.integers(0, 1)), min_size=2, max_size=5)


@settings(max_examples=20, deadline=None)
@given(before=EVENTS, arrivals=ARRIVALS)
def test_rows_that_arrive_one_commit_after_the_other_change_who_did_what_is_there(
    before: list[Event], arrivals: list[tuple[list[Event], int]]
) -> None:
    with TemporaryDirectory() as place, opened(store := Path(place)) as who_looks_on:
        partitions = [Partition(store, number) for number in range(2)]
        rows: list[Row] = []
        for events, number in [(before, 0), *arrivals]:
            partition = partitions[number]
            rows += [Row(event, number, partition.next_offset + place) for place, event in enumerate(events)]
            partition.commit(events)
            if events is before and before:
                partition.close(date="2026-11-23")
                build(store)
            check(found_by(who_looks_on), rows)


@pytest.fixture
def indexed(store: Path) -> Path:
    """A store of two indexed days, three closed segments, and a tail."""
    partition = Partition(store)
    for number, date in enumerate(("2026-11-22", "2026-11-22", "2026-11-23")):
        partition.commit([make_event(START, f"type {number}", device_id=f"device {number}")] * 3)
        partition.close(date=date)
    partition.commit([make_event(START, device_id="device 0")])
    build(store)
    return store


def corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def files(store: Path, pattern: str) -> list[Path]:
    return sorted(index_dir(store, TOPIC).glob(pattern))


def test_an_index_that_is_up_to_date_is_not_built_again(indexed: Path) -> None:
    assert build(indexed) == 0
    assert [day.rows for day in read_manifest(index_dir(indexed, TOPIC)).days] == [6, 3]


def test_what_is_added_to_a_day_that_has_enough_rows_is_a_part_of_its_own(store: Path) -> None:
    partition = Partition(store)
    closed = []
    for number, rows in enumerate((3, 2, 2, 4)):
        partition.commit([make_event(START, device_id=f"device {number}", revenue=1)] * rows)
        closed.append(partition.close(date="2026-11-22"))
        build(store, part_rows=3)
    days = read_manifest(index_dir(store, TOPIC)).days
    assert [(day.date, day.rows, len(day.segments)) for day in days] == [
        ("2026-11-22", 3, 1),
        ("2026-11-22-2", 4, 2),
        ("2026-11-22-3", 4, 1),
    ]
    assert [file.name for file in files(store, "rows-*")] == [
        "rows-2026-11-22-00000001.parquet",
        "rows-2026-11-22-2-00000003.parquet",
        "rows-2026-11-22-3-00000004.parquet",
    ]
    assert read(store) == without_index(store)
    check_sequences(store)
    check_facts(store)
    # Only the part of it is made anew.
    closed[1].unlink()
    with opened(store) as committed, committed.look() as look, committed.rows(look) as connection:
        assert connection.execute("SELECT count(*) FROM closed").fetchall() == [(2,)]
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(9,)]
    build(store, part_rows=3)
    assert [day.rows for day in read_manifest(index_dir(store, TOPIC)).days] == [3, 4, 2]
    assert read(store) == without_index(store)


def test_what_is_indexed_is_read_from_the_index_and_not_from_csv(indexed: Path) -> None:
    scratch = ScratchDirectory(indexed / "scratch")
    committed = CommittedStore(indexed, TOPIC, scratch)
    with committed.look() as look, committed.rows(look) as connection:
        assert connection.execute("SELECT count(*) FROM closed").fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(10,)]
    scratch.close()


def test_a_file_of_the_index_that_is_swept_before_it_is_opened_is_looked_for_again(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def believed_and_swept(*args: Any) -> set[str]:
        believed = believable_days(*args)
        for path in files(indexed, "spans-*"):
            path.unlink()
        return believed

    expected = read(indexed)
    with opened(indexed) as committed:
        with monkeypatch.context() as patch, committed.look() as look:
            patch.setattr(dashboard_app.reading.committed, "believable_days", believed_and_swept)
            with pytest.raises(FileNotFoundError), committed.rows(look):
                pass
        assert found_by(committed) == expected


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("rows-2026-11-22-*", Path.unlink),
        ("rows-2026-11-22-*", lambda path: path.write_bytes(path.read_bytes()[:-1])),
        ("spans-2026-11-22-*", Path.unlink),
        ("names-*", Path.unlink),
        ("rollup-2026-11-22-*", Path.unlink),
        ("rollup-2026-11-22-*", lambda path: path.write_bytes(path.read_bytes()[:-1])),
        ("sequence-2026-11-22-*", Path.unlink),
        ("facts-2026-11-22-*", Path.unlink),
        ("values-*", Path.unlink),
        ("revenues-*", lambda path: path.write_bytes(b"")),
        ("links-*", lambda path: path.write_bytes(b"")),
        ("aliases-*", Path.unlink),
        ("MANIFEST", Path.unlink),
        ("MANIFEST", lambda path: path.write_bytes(path.read_bytes()[:-9])),
    ],
)
def test_what_is_missing_or_torn_is_read_from_csv_and_built_anew(
    indexed: Path, pattern: str, damage: Callable[[Path], object]
) -> None:
    expected = read(indexed)
    damage(*files(indexed, pattern))
    assert read(indexed) == expected
    assert build(indexed) == 1
    assert read(indexed) == expected
    assert build(indexed) == 0


@pytest.mark.parametrize(
    "pattern",
    [
        *("rows-2026-11-22-*", "spans-2026-11-22-*", "facts-2026-11-22-*", "rollup-2026-11-22-*"),
        *("sequence-2026-11-22-*", "names-*", "values-*"),
    ],
)
def test_a_file_whose_content_changed_is_found_by_its_checksum(indexed: Path, pattern: str) -> None:
    expected = read(indexed)
    corrupt(*files(indexed, pattern))
    assert build(indexed) == 1
    assert read(indexed) == expected


def test_an_index_of_another_version_counts_for_nothing(indexed: Path) -> None:
    directory = index_dir(indexed, TOPIC)
    write_manifest(directory, msgspec.structs.replace(read_manifest(directory), version=0))
    assert read_manifest(directory).days == ()
    assert build(indexed) == 1


def test_a_segment_that_was_replaced_is_not_believed(indexed: Path) -> None:
    (path,) = (indexed / "data" / "date=2026-11-23").iterdir()
    content = path.read_bytes().replace(b"type 2", b"type x")
    path.unlink()
    path.write_bytes(content)
    assert {row[2] for row in read(indexed)[0]} == {"type 0", "type 1", "type x", "page_view"}
    build(indexed)
    assert read(indexed) == without_index(indexed)


def test_nothing_of_a_vanished_day_stays_in_the_index(indexed: Path) -> None:
    shutil.rmtree(indexed / "data" / "date=2026-11-23")
    build(indexed)
    kept = b"".join(path.read_bytes() for path in files(indexed, "*"))
    assert b"device 1" in kept
    assert b"device 2" not in kept


def test_files_of_a_build_that_was_killed_are_swept(indexed: Path) -> None:
    left = index_dir(indexed, TOPIC) / "rows-2026-11-22-00000009.parquet"
    left.write_bytes(b"half")
    build(indexed)
    assert not left.exists()
