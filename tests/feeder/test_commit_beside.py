"""A commit that goes on in its thread while its partition takes more, waits, fails or is let go."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from feeder_app.errors import OutOfSpaceError, PartitionBusyError, StoreFailedError
from feeder_app.partition_writer import PartitionWriter
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.support import SECOND, START, assert_exactly, columns, paths, record, stored_offsets

# A commit is always due.
POLICY = FeederPolicy(flush_interval=timedelta(0))
REAL_FDATASYNC = os.fdatasync
PATIENCE = 30


class Disk:
    """`hold` has the next fdatasync wait until `free` is set, and fail then if `error` is."""

    def __init__(self) -> None:
        self.reached, self.free = Event(), Event()
        self.error: Exception | None = None
        self._holds = False

    def hold(self) -> None:
        self._holds = True

    def fdatasync(self, fd: int) -> None:
        if self._holds:
            self._holds = False
            self.reached.set()
            assert self.free.wait(PATIENCE)
            if self.error:
                raise self.error
        REAL_FDATASYNC(fd)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.fdatasync)
    yield disk
    disk.free.set()


def opened(root: Path, policy: FeederPolicy = POLICY) -> PartitionWriter:
    return open_partition(paths(root), policy, START)


def take(writer: PartitionWriter, *offsets: int) -> None:
    writer.append(columns([record(offset) for offset in offsets]))


def begin(writer: PartitionWriter, disk: Disk, *offsets: int) -> None:
    """Begin to commit these, and come back while the disk keeps the commit waiting."""
    take(writer, *offsets)
    disk.hold()
    assert not writer.commit_if_due(START)
    assert disk.reached.wait(PATIENCE)


def test_records_are_taken_meanwhile_and_come_with_the_next_commit(tmp_path: Path, disk: Disk) -> None:
    writer = opened(tmp_path)
    begin(writer, disk, 0, 1)
    take(writer, 2, 3)
    assert not writer.commit_if_due(START + SECOND)
    assert stored_offsets(tmp_path) == []
    assert (writer.next_offset, writer.checkpoint.next_offset) == (4, 0)
    disk.free.set()
    writer.finish_commit()
    assert_exactly(stored_offsets(tmp_path), range(2))
    assert not writer.commit_if_due(START + SECOND)
    writer.finish_commit()
    assert_exactly(stored_offsets(tmp_path), range(4))
    writer.release()


def test_the_end_of_a_commit_is_told_once(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    take(writer, 0)
    told = [writer.commit_if_due(START)]
    while writer.checkpoint.next_offset == 0 or not any(told):
        told.append(writer.commit_if_due(START))
    told += [writer.commit_if_due(START) for _ in range(3)]
    assert told.count(True) == 1
    writer.release()


def test_when_as_much_again_is_buffered_the_commit_is_waited_for(tmp_path: Path, disk: Disk) -> None:
    writer = opened(tmp_path, FeederPolicy(flush_bytes=1000))
    begin(writer, disk, *range(8))
    take(writer, *range(8, 16))
    waiting = Thread(target=writer.commit_if_due, args=[START])
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    disk.free.set()
    waiting.join(PATIENCE)
    writer.finish_commit()
    assert_exactly(stored_offsets(tmp_path), range(16))
    writer.release()


@pytest.mark.parametrize(
    "then",
    [
        lambda writer: writer.commit(START),
        lambda writer: writer.close_segment(START),
        lambda writer: writer.skip_to(10, START),
        lambda writer: writer.belong_to("id", START),
        lambda writer: writer.release(),
    ],
    ids=["commit", "close", "skip", "belong", "release"],
)
def test_whatever_touches_the_files_waits(tmp_path: Path, disk: Disk, then: Callable[[PartitionWriter], None]) -> None:
    writer = opened(tmp_path)
    begin(writer, disk, 0, 1)
    before = writer.checkpoint
    waiting = Thread(target=then, args=[writer])
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    assert writer.checkpoint == before
    disk.free.set()
    waiting.join(PATIENCE)
    assert_exactly(stored_offsets(tmp_path), range(2))


def test_a_full_disk_is_told_and_what_waits_comes_first(tmp_path: Path, disk: Disk) -> None:
    writer = opened(tmp_path)
    begin(writer, disk, 0, 1)
    take(writer, 2)
    disk.error = OutOfSpaceError("full")
    disk.free.set()
    with pytest.raises(OutOfSpaceError):
        writer.finish_commit()
    assert writer.buffered_bytes > 0
    take(writer, 3)
    writer.commit_if_due(START)
    writer.finish_commit()
    assert_exactly(stored_offsets(tmp_path), range(4))
    writer.release()


def test_an_error_of_the_disk_is_told(tmp_path: Path, disk: Disk) -> None:
    writer = opened(tmp_path)
    begin(writer, disk, 0, 1)
    disk.error = OSError(5, "Input/output error")
    disk.free.set()
    with pytest.raises(StoreFailedError, match="fsync failed"):
        writer.commit(START)
    writer.release()
    assert stored_offsets(tmp_path) == []


def hand_over(root: Path, disk: Disk) -> None:
    """The first owner lets go in the middle of a commit, and the second one begins as soon as it has the lock."""
    first = opened(root)
    begin(first, disk, 0, 1)
    letting_go = Thread(target=first.release)
    letting_go.start()
    letting_go.join(0.2)
    try:
        second = opened(root)
    except PartitionBusyError:
        disk.free.set()
        letting_go.join(PATIENCE)
        second = opened(root)
    for offset in range(second.next_offset, 4):
        take(second, offset)
        second.commit(START)
    disk.free.set()
    first.finish_commit()
    second.release()


def test_the_lock_is_held_until_the_commit_has_ended(tmp_path: Path, disk: Disk) -> None:
    hand_over(tmp_path, disk)
    assert_exactly(stored_offsets(tmp_path), range(4))


def test_the_control_that_lets_go_at_once_fails(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoint is written over one of the next owner's."""
    monkeypatch.setattr(PartitionWriter, "release", lambda writer: writer._lock.release())
    hand_over(tmp_path, disk)
    assert stored_offsets(tmp_path) != [(0, offset) for offset in range(4)]
