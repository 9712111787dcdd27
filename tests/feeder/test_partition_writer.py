"""The writer on real files: rows, dead letters, segments, and what a new owner finds."""

from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from brokerlytics.checkpoint import SLOT_BYTES, read_checkpoint
from brokerlytics.csv_format import HEADER
from brokerlytics.store import closed_segments
from feeder_app.errors import (
    OutOfSpaceError,
    PartitionBusyError,
    PoisonBoundError,
    StoreDamagedError,
    StoreFailedError,
)
from feeder_app.partition_writer import PartitionWriter
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.support import (
    SECOND,
    START,
    assert_exactly,
    columns,
    dead_letters,
    paths,
    record,
    stored_offsets,
    stored_rows,
)
from torture.faults import damage_newest_slot

POLICY = FeederPolicy()


def opened(root: Path, policy: FeederPolicy = POLICY) -> PartitionWriter:
    return open_partition(paths(root), policy, START)


def feed(writer: PartitionWriter, *offsets: int) -> None:
    for offset in offsets:
        writer.append(columns([record(offset)]))
    writer.commit(START)


def active_file(root: Path) -> Path:
    return next(paths(root).state.glob("*.open"))


def test_committed_rows_are_seen_at_once_and_buffered_ones_are_not(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, 0, 1)
    writer.append(columns([record(2)]))
    assert_exactly(stored_offsets(tmp_path), range(2))
    assert writer.next_offset == 3
    assert writer.checkpoint.next_offset == 2
    writer.release()


def test_a_record_that_was_taken_before_is_passed_over(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, 0, 1, 1, 0, 2)
    feed(writer, 1, 2, 3)
    writer.append(columns([record(offset) for offset in (2, 3, 4)]))
    writer.commit(START)
    assert_exactly(stored_offsets(tmp_path), range(5))
    assert (writer.checkpoint.next_offset, writer.checkpoint.rows, writer.checkpoint.duplicates) == (5, 5, 0)
    writer.release()


def test_the_row_holds_the_event_and_where_it_came_from(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, 0)
    writer.release()
    (row,) = stored_rows(tmp_path)
    assert row["event_type"] == "VIEW"
    assert row["device_id"] == "d0"
    assert row["properties"] == '{"n":0,"text":"a,\\"b\\"\\r\\nc"}'
    assert row["created_on"] == row["received_on"] == "2026-08-22T23:59:50.000Z"
    assert (row["_partition"], row["_offset"]) == ("0", "0")


def test_closing_moves_the_segment_to_where_readers_look(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, 5, 6)
    writer.close_segment(START)
    (segment,) = closed_segments(tmp_path, "events")
    # The name covers the offsets from the last commit on: 0 to 4 held nothing to store.
    assert (segment.first_offset, segment.last_offset) == (0, 6)
    assert segment.path.parent.name == "date=2026-08-22"
    assert segment.path.read_bytes().startswith(HEADER)
    assert writer.checkpoint.active is None
    feed(writer, 7)
    assert_exactly(stored_offsets(tmp_path), [5, 6, 7])
    writer.release()


def test_a_new_day_starts_a_new_segment_and_a_late_record_does_not(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    late, tomorrow = START, START + timedelta(seconds=20)
    for offset, at in enumerate([late, tomorrow, late, tomorrow]):
        writer.append(columns([record(offset, at=at)]))
    writer.commit(tomorrow)
    writer.close_segment(tomorrow)
    names = [segment.path.parent.name for segment in closed_segments(tmp_path, "events")]
    assert names == ["date=2026-08-22", "date=2026-08-23"]
    assert_exactly(stored_offsets(tmp_path), range(4))
    writer.release()


def test_segments_roll_by_size_and_by_age(tmp_path: Path) -> None:
    writer = opened(tmp_path, FeederPolicy(roll_bytes=1500, roll_age=60 * SECOND))
    feed(writer, *range(10))
    assert len(closed_segments(tmp_path, "events")) == 1
    feed(writer, 10)
    writer.commit_if_due(START + 59 * SECOND)
    writer.finish_commit()
    assert len(closed_segments(tmp_path, "events")) == 1
    writer.commit_if_due(START + 60 * SECOND)
    writer.finish_commit()
    assert len(closed_segments(tmp_path, "events")) == 2
    writer.release()


def test_bad_records_become_dead_letters_with_their_bytes(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    bad = [b"junk", b"", b"[1]", b'{"event_type":"A"}', b'{"v":9}', b'{"event_type":"A","device_id":1.5}', b"\xff"]
    for offset, value in enumerate(bad):
        writer.append(columns([record(offset, value=value)]))
    feed(writer, 7)
    writer.release()
    letters = dead_letters(tmp_path)
    assert [letter["reason"] for letter in letters] == [
        "not_json",
        "empty_value",
        "not_an_object",
        "missing_field",
        "unsupported_version",
        "invalid_type",
        "not_json",
    ]
    assert letters[0]["value"] == "anVuaw=="
    assert [letter["offset"] for letter in letters] == list(range(7))
    assert_exactly(stored_offsets(tmp_path), [7])


def test_too_much_poison_stops_before_the_record_and_survives_a_restart(tmp_path: Path) -> None:
    policy = FeederPolicy(poison_run=3)
    writer = opened(tmp_path, policy)
    for offset in range(3):
        writer.append(columns([record(offset, value=b"junk")]))
    with pytest.raises(PoisonBoundError, match=r"events\[0\] at offset 3.*--accept-poison"):
        writer.append(columns([record(3, value=b"junk")]))
    writer.commit(START)
    writer.release()
    again = opened(tmp_path, policy)
    assert again.next_offset == 3
    with pytest.raises(PoisonBoundError):
        again.append(columns([record(3, value=b"junk")]))
    again.append(columns([record(3)]))
    again.commit(START)
    again.release()
    assert_exactly(stored_offsets(tmp_path), [3])
    assert len(dead_letters(tmp_path)) == 3


def test_a_second_owner_is_kept_out_until_the_first_lets_go(tmp_path: Path) -> None:
    first = opened(tmp_path)
    feed(first, 0)
    with pytest.raises(PartitionBusyError, match=r"events-0000 is held by pid \d+ since 2026-08-22"):
        opened(tmp_path)
    first.release()
    second = opened(tmp_path)
    assert second.checkpoint.epoch == 2
    assert second.next_offset == 1
    second.release()


def test_bytes_after_the_last_commit_are_cut(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, 0, 1)
    writer.append(columns([record(2, value=b"junk")]))
    writer.commit(START)
    writer.release()
    with active_file(tmp_path).open("ab") as file:
        file.write(b'torn,"row')
    with paths(tmp_path).dead_letters.open("ab") as file:
        file.write(b'{"torn')
    assert_exactly(stored_offsets(tmp_path), range(2))
    again = opened(tmp_path)
    feed(again, 3)
    again.close_segment(START)
    again.release()
    assert_exactly(stored_offsets(tmp_path), [0, 1, 3])
    assert len(dead_letters(tmp_path)) == 1


@pytest.mark.parametrize("damage", ["cut", "removed"])
def test_less_than_was_committed_is_refused_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    writer = opened(tmp_path)
    feed(writer, 0, 1)
    writer.release()
    path = active_file(tmp_path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    before = paths(tmp_path).checkpoint.read_bytes()
    with pytest.raises(StoreDamagedError, match="committed"):
        opened(tmp_path)
    assert paths(tmp_path).checkpoint.read_bytes() == before


def test_a_torn_checkpoint_slot_falls_back_to_the_one_before(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, 0)
    feed(writer, 1)
    newest = writer.checkpoint.sequence % 2
    writer.release()
    content = bytearray(paths(tmp_path).checkpoint.read_bytes())
    content[newest * SLOT_BYTES + 20] ^= 0xFF
    paths(tmp_path).checkpoint.write_bytes(content)
    again = opened(tmp_path)
    assert again.next_offset == 1
    feed(again, 1, 2)
    again.release()
    assert_exactly(stored_offsets(tmp_path), range(3))


@pytest.mark.parametrize("loss", ["corrupt", "missing"])
def test_a_lost_checkpoint_is_refused_instead_of_storing_all_twice(tmp_path: Path, loss: str) -> None:
    writer = opened(tmp_path)
    feed(writer, 0)
    writer.close_segment(START)
    writer.release()
    checkpoint = paths(tmp_path).checkpoint
    if loss == "corrupt":
        checkpoint.write_bytes(b"\xff" * len(checkpoint.read_bytes()))
    else:
        checkpoint.unlink()
    with pytest.raises(StoreDamagedError, match="Restore it from a backup"):
        opened(tmp_path)
    assert_exactly([(s.partition, s.first_offset) for s in closed_segments(tmp_path, "events")], [0])


def test_a_closed_segment_is_never_overwritten(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, 0)
    in_the_way = paths(tmp_path).data / paths(tmp_path).closed_name("2026-08-22", 0, 0)
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"kept")
    with pytest.raises(StoreDamagedError, match="exists already"):
        writer.close_segment(START)
    assert in_the_way.read_bytes() == b"kept"
    writer.release()


def test_a_close_that_was_begun_is_finished_by_the_next_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = opened(tmp_path)
    feed(writer, 0, 1)
    with monkeypatch.context() as full:
        full.setattr("feeder_app.partition_files.move_into_place", Mock(side_effect=OutOfSpaceError("full")))
        with pytest.raises(OutOfSpaceError):
            writer.close_segment(START)
    assert_exactly(stored_offsets(tmp_path), range(2))
    writer.release()
    again = opened(tmp_path)
    assert again.checkpoint.active is None
    assert [segment.last_offset for segment in closed_segments(tmp_path, "events")] == [1]
    again.release()


@pytest.mark.parametrize("bytes_lost", [0, 1])
def test_a_close_whose_slot_is_damaged_is_finished_too_unless_bytes_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_lost: int
) -> None:
    """The slot before it has the segment as an active one, under a name that is gone."""

    def crash_once_renamed(directory: Path) -> None:
        if directory.name.startswith("date="):
            raise StoreFailedError("renamed")

    writer = opened(tmp_path)
    feed(writer, 0, 1)
    with monkeypatch.context() as crash:
        crash.setattr("feeder_app.segment_files.sync_directory", crash_once_renamed)
        with pytest.raises(StoreFailedError, match="renamed"):
            writer.close_segment(START)
    writer.release()
    damage_newest_slot(paths(tmp_path).checkpoint, 20)
    (segment,) = closed_segments(tmp_path, "events")
    segment.path.write_bytes(segment.path.read_bytes()[: segment.path.stat().st_size - bytes_lost])
    if bytes_lost:
        with pytest.raises(StoreDamagedError, match="is missing"):
            opened(tmp_path)
        return
    again = opened(tmp_path)
    feed(again, 1, 2)
    again.release()
    assert_exactly(stored_offsets(tmp_path), range(3))


def test_offsets_that_left_the_topic_are_recorded_as_a_gap(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    feed(writer, 0, 1)
    writer.append(columns([record(2)]))
    writer.skip_to(10, START)
    feed(writer, 10)
    writer.release()
    checkpoint = read_checkpoint(paths(tmp_path).checkpoint)
    assert checkpoint is not None
    assert [(gap.start, gap.end) for gap in checkpoint.gaps] == [(3, 10)]
    assert_exactly(stored_offsets(tmp_path), [0, 1, 2, 10])
