"""An event that was sent twice is stored once, whoever owns the partition when it comes again."""

import csv
import io
import struct
import zlib
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.checkpoint import SLOT_BYTES, ActiveSegment, Checkpoint, read_checkpoint
from brokerlytics.csv_format import COLUMNS, HEADER, encode_cells
from feeder_app.digest_sets import digests_of
from feeder_app.errors import OutOfSpaceError, StoreDamagedError, StoreFailedError
from feeder_app.partition_writer import PartitionWriter
from feeder_app.policies import FeederPolicy
from feeder_app.recall import recall_ids, stored_identities
from feeder_app.records import Record
from feeder_app.recovery import open_partition
from feeder_app.seen_ids import SeenIds, identity_of
from tests.feeder.support import SECOND, START, columns, dead_letters, encoded, paths, record, stored_rows

BLOCK = 8
POLICY = FeederPolicy(seen_block=BLOCK, roll_bytes=1500)
DAY = timedelta(days=1)
IDS = ["a", "b", "c", "d", "e", 'q"', 'a,"b"\r\nc', "\nä😀", '"', " "]


def event(offset: int, event_id: str, days: int = 0, **more: Any) -> Record:
    """The record of an event that has this id, so many days after START."""
    fields = {"event_id": event_id, "event_type": 'T\r\n"', "device_id": "d", "page_title": "x\ny"} | more
    return record(offset, value=encoded(fields, START, is_plain=offset % 2 == 1), at=START + days * DAY)


def opened(root: Path, policy: FeederPolicy = POLICY) -> PartitionWriter:
    return open_partition(paths(root), policy, START)


def feed(writer: PartitionWriter, *records: Record) -> None:
    for item in records:
        writer.append(columns([item]))
    writer.commit(START)


def stored(root: Path) -> list[tuple[int, str]]:
    return sorted((int(row["_offset"]), row["event_id"]) for row in stored_rows(root))


def duplicates(root: Path) -> int:
    checkpoint = read_checkpoint(paths(root).checkpoint)
    assert checkpoint
    return checkpoint.duplicates


def test_a_repeat_is_counted_and_not_stored(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, event(0, "a"), event(1, "b"), event(2, "a"))
    feed(writer, event(3, "b"))
    assert stored(tmp_path) == [(0, "a"), (1, "b")]
    assert (writer.checkpoint.next_offset, writer.checkpoint.rows, writer.checkpoint.duplicates) == (4, 2, 2)
    assert (writer.totals.rows, writer.totals.duplicates) == (2, 2)
    assert not dead_letters(tmp_path)
    writer.release()


@pytest.mark.parametrize("reopened", [False, True])
def test_sources_have_their_own_ids(tmp_path: Path, *, reopened: bool) -> None:
    """Two shops that count their orders from 1 keep none of each other's events out."""
    writer = opened(tmp_path)
    sources = ["shop", 'a,"b"\r\nc', "é" * 100, ""]
    feed(writer, *(event(n, "1", source=source) for n, source in enumerate(sources)))
    if reopened:
        writer.release()
        writer = opened(tmp_path)
    feed(writer, *(event(4 + n, "1", source=source) for n, source in enumerate([*sources, "other"])))
    assert stored(tmp_path) == [(0, "1"), (1, "1"), (2, "1"), (3, "1"), (8, "1")]
    assert duplicates(tmp_path) == 4
    writer.release()


def test_the_longest_cells_are_read_back(tmp_path: Path) -> None:
    """Quoted, with lines inside, and four bytes a character: nothing of the identity is cut off."""
    longest: dict[str, Any] = {
        "event_type": "😀\n" * 100,
        "session_id": '"\n' * 100,
        "user_id": "😀" * 200,
        "source": "😀\n" * 50,
    }
    writer = opened(tmp_path)
    feed(writer, event(0, "\n😀" * 50, device_id="\n😀" * 100, **longest))
    writer.release()
    again = opened(tmp_path)
    feed(again, event(1, "\n😀" * 50, device_id="\n😀" * 100, **longest))
    assert (again.checkpoint.rows, duplicates(tmp_path)) == (1, 1)
    again.release()


@pytest.mark.parametrize("closed", [False, True], ids=["active", "closed"])
def test_the_next_owner_knows_what_was_stored(tmp_path: Path, *, closed: bool) -> None:
    first = opened(tmp_path)
    feed(first, *(event(n, event_id) for n, event_id in enumerate(IDS[:7])))
    first.append(columns([event(7, "never committed")]))
    if closed:
        first.close_segment(START)
    first.release()
    second = opened(tmp_path)
    feed(second, *(event(7 + n, event_id) for n, event_id in enumerate(IDS)))
    assert [event_id for _, event_id in stored(tmp_path)] == IDS
    assert duplicates(tmp_path) == 7
    assert (second.totals.rows, second.totals.duplicates) == (3, 7)
    second.release()


def test_a_full_disk_forgets_nothing_and_remembers_nothing_that_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = opened(tmp_path)
    feed(writer, event(0, "a"))
    writer.append(columns([event(1, "b")]))
    with monkeypatch.context() as full:
        full.setattr("feeder_app.segment_files.AppendFile.sync", Mock(side_effect=OutOfSpaceError("full")))
        with pytest.raises(OutOfSpaceError):
            writer.commit(START)
    feed(writer, event(2, "b"), event(3, "a"))
    assert stored(tmp_path) == [(0, "a"), (1, "b")]
    writer.append(columns([event(4, "c")]))
    writer.release()
    again = opened(tmp_path)
    feed(again, event(4, "c"), event(5, "c"))
    assert stored(tmp_path) == [(0, "a"), (1, "b"), (4, "c")]
    assert duplicates(tmp_path) == 3
    again.release()


@pytest.mark.parametrize(("days", "repeated"), [(0, True), (1, True), (2, False), (9, False)])
@pytest.mark.parametrize("reopened", [False, True])
def test_an_id_is_remembered_on_its_day_and_on_the_next(
    tmp_path: Path, days: int, *, repeated: bool, reopened: bool
) -> None:
    writer = opened(tmp_path)
    feed(writer, event(0, "a"))
    if reopened:
        writer.release()
        writer = opened(tmp_path)
    feed(writer, event(1, "a", days))
    assert stored(tmp_path) == ([(0, "a")] if repeated else [(0, "a"), (1, "a")])
    writer.release()


def test_a_late_record_is_of_the_newest_day(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, event(0, "a"), event(1, "b", 5))
    writer.close_segment(START)
    feed(writer, event(2, "late", 1))
    writer.close_segment(START)
    writer.release()
    again = opened(tmp_path)
    feed(again, event(3, "late", 6), event(4, "b", 6), event(5, "a", 0))
    assert stored(tmp_path) == [(0, "a"), (1, "b"), (2, "late"), (5, "a")]
    again.release()


@pytest.mark.parametrize("reopened", [False, True])
def test_the_day_goes_on_with_the_next_block(tmp_path: Path, *, reopened: bool) -> None:
    writer = opened(tmp_path)
    feed(writer, event(0, "a", 5), event(BLOCK, "late", 1))
    writer.close_segment(START)
    if reopened:
        writer.release()
        writer = opened(tmp_path)
    feed(writer, event(BLOCK + 1, "late", 6), event(BLOCK + 2, "b", 6), event(BLOCK + 3, "a", 6))
    assert stored(tmp_path) == [(0, "a"), (BLOCK, "late"), (BLOCK + 2, "b")]
    writer.close_segment(START)
    writer.release()
    again = opened(tmp_path)
    feed(again, event(BLOCK + 4, "a", 6), event(BLOCK + 5, "b", 6), event(2 * BLOCK, "a", 6))
    assert stored(tmp_path) == [(0, "a"), (BLOCK, "late"), (BLOCK + 2, "b"), (2 * BLOCK, "a")]
    again.release()


def test_a_repeat_does_not_begin_a_day(tmp_path: Path) -> None:
    """It has no row from which the next owner could tell."""
    writer = opened(tmp_path)
    feed(writer, event(0, "a"), event(1, "a", 1), event(2, "b"), event(3, "b", 2))
    assert stored(tmp_path) == [(0, "a"), (2, "b"), (3, "b")]
    writer.release()


def test_a_segment_may_lie_across_two_blocks(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, event(BLOCK - 1, "a"), event(BLOCK, "b"))
    writer.close_segment(START)
    feed(writer, event(2 * BLOCK, "c"))
    writer.release()
    again = opened(tmp_path)
    feed(again, event(2 * BLOCK + 1, "b"), event(2 * BLOCK + 2, "a"))
    assert stored(tmp_path) == [(BLOCK - 1, "a"), (BLOCK, "b"), (2 * BLOCK, "c"), (2 * BLOCK + 2, "a")]
    again.release()


def test_what_has_no_row_makes_no_segment_of_its_date(tmp_path: Path) -> None:
    """Else the days of a segment would depend on when commits happened."""
    writer = opened(tmp_path)
    bad = record(0, value=b"junk", at=START + 3 * DAY)
    feed(writer, bad, event(1, "a"))
    active = writer.checkpoint.active
    assert active
    assert active.date == "2026-08-22"
    writer.release()


def test_memory_is_bounded_by_offsets(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    # Of the block before its own an id is known, of an older one it is not.
    feed(writer, event(0, "a"), event(BLOCK - 1, "b"), event(2 * BLOCK - 1, "a"), event(2 * BLOCK, "b"))
    assert stored(tmp_path) == [(0, "a"), (BLOCK - 1, "b"), (2 * BLOCK, "b")]
    writer.release()
    seen = SeenIds(BLOCK)
    for offset in range(100 * BLOCK):
        assert seen.remember(digests_of([offset.to_bytes(16)]), [offset], 0) == b"\1"
        assert len(seen) <= 2 * BLOCK


def test_a_record_without_an_id_repeats_nothing(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, *(record(n, value=b'{"event_type":"A","device_id":"d"}') for n in range(3)))
    assert [offset for offset, _ in stored(tmp_path)] == [0, 1, 2]
    writer.release()


def test_an_old_checkpoint_without_the_count_goes_on(tmp_path: Path) -> None:
    assert Checkpoint().duplicates == 0
    writer = opened(tmp_path)
    feed(writer, event(0, "a"))
    writer.release()
    path = paths(tmp_path).checkpoint
    content = path.read_bytes()
    assert b'"duplicates":0' in content
    path.write_bytes(_without_duplicates(content))
    again = opened(tmp_path)
    feed(again, event(1, "a"))
    assert duplicates(tmp_path) == 1
    again.release()


def _without_duplicates(content: bytes) -> bytes:
    """The checkpoint file as it was written before the field was there."""
    slots = b""
    for start in (0, SLOT_BYTES):
        (length,) = struct.unpack_from(">I", content, start)
        body = content[start + 8 : start + 8 + length].replace(b'"duplicates":0,', b"")
        slots += (struct.pack(">II", len(body), zlib.crc32(body)) + body).ljust(SLOT_BYTES, b"\0")
    return slots


# A step is an event, a bad record, or what the writer does between two of them.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(IDS), st.integers(0, 4), st.integers(1, 3)),
        st.sampled_from(["bad", "commit", "close", "new owner"]),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=50)
@given(steps=STEPS)
def test_what_is_stored_depends_on_the_records_alone(steps: list[tuple[str, int, int] | str]) -> None:
    """Commits, closes and new owners change nothing: the memory that was rebuilt answers as the live one."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        writer, offset, taken = opened(root), 0, []
        for step in steps:
            if step == "bad":
                writer.append(columns([record(offset, value=b"junk", at=START + 4 * DAY)]))
                offset += 1
            elif step == "commit":
                writer.commit(START)
            elif step == "close":
                writer.commit(START)
                writer.close_segment(START)
            elif step == "new owner":
                writer.commit(START)
                writer.release()
                writer = opened(root)
            elif isinstance(step, tuple):
                event_id, days, offset_step = step
                taken.append((offset, event_id, days))
                writer.append(columns([event(offset, event_id, days)]))
                offset += offset_step
        writer.commit(START)
        writer.release()
        assert stored(root) == expected(taken)


def expected(taken: list[tuple[int, str, int]]) -> list[tuple[int, str]]:
    """The rule in docs/architecture.md, written down as plainly as it can be."""
    rows: list[tuple[int, str, int]] = []
    newest = 0
    for offset, event_id, day in taken:
        reach = [
            row_id
            for row_offset, row_id, row_day in rows
            if row_day >= max(newest, day) - 1 and row_offset // BLOCK >= offset // BLOCK - 1
        ]
        if event_id not in reach:
            newest = max(newest, day)
            rows.append((offset, event_id, newest))
    return [(offset, event_id) for offset, event_id, _ in rows]


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


# Every cell up to the one after the source.
CELLS = st.lists(TEXTS, min_size=len(COLUMNS) - 2, max_size=len(COLUMNS) - 2)


@given(rows=st.lists(CELLS.filter(lambda cells: cells[0]), max_size=8))
def test_the_reader_of_identities_agrees_with_a_csv_parser(rows: list[list[str]]) -> None:
    written = HEADER + b"".join(encode_cells((*row, 3, offset)) for offset, row in enumerate(rows))
    parsed = csv.DictReader(io.StringIO(written.decode(), newline=""))
    by_csv = [(int(row["_offset"]), identity_of(row["source"].encode(), row["event_id"].encode())) for row in parsed]
    assert list(stored_identities(io.BytesIO(written))) == by_csv
    assert len(by_csv) == len(rows)


@pytest.mark.parametrize("content", [b"no row\r\n", b'"open,1,2\r\n"x\r\n', b"a,b,c\r\n"])
def test_a_segment_that_no_feeder_wrote_is_told(tmp_path: Path, content: bytes) -> None:
    writer = opened(tmp_path)
    feed(writer, event(0, "a"))
    writer.close_segment(START)
    writer.release()
    (closed,) = (tmp_path / "data").glob("*/*.csv")
    closed.write_bytes(HEADER + content)
    with pytest.raises(StoreDamagedError, match=closed.name):
        opened(tmp_path)


def test_a_segment_whose_directory_is_no_date_is_told(tmp_path: Path) -> None:
    active = ActiveSegment(
        name="a", first_offset=0, committed_bytes=1, date="soon", opened_at=START + SECOND, csv_version=1
    )
    with pytest.raises(StoreDamagedError, match="'soon' is not a date"):
        recall_ids(paths(tmp_path), Checkpoint(active=active), BLOCK)


def test_a_day_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """Its events would be forgotten, and stored a second time."""
    writer = opened(tmp_path)
    feed(writer, event(0, "a"))
    writer.close_segment(START)
    writer.release()
    (day,) = (tmp_path / "data").iterdir()
    day.rename(tmp_path / "day")
    day.symlink_to(day)
    with pytest.raises(StoreFailedError, match="Too many levels of symbolic links"):
        opened(tmp_path)
    day.unlink()
    (tmp_path / "day").rename(day)
    writer = opened(tmp_path)
    feed(writer, event(1, "a"))
    writer.release()
    assert (duplicates(tmp_path), stored(tmp_path)) == (1, [(0, "a")])
