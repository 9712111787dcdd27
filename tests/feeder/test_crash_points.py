"""A crash before and after every single file operation, and what a new owner makes of it.

The process dies in a way that a test can repeat: the operation raises, and from then on every other
one does too, as if nobody were there any more. Bytes of an interrupted write may be half there. When
the power fails, what was written and not synced is gone as well.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from brokerlytics.checkpoint import read_checkpoint
from feeder_app.policies import FeederPolicy
from feeder_app.records import Record
from feeder_app.recovery import open_partition
from feeder_app.seen_ids import SeenIds
from tests.feeder.support import SECOND, START, assert_exactly, columns, dead_letters, paths, record, stored_offsets

# A commit is always due.
POLICY = FeederPolicy(flush_interval=timedelta(0), roll_bytes=2000)
RECORDS = 40
BAD = {3, 17}
# Each repeats the event of an earlier record: of its own batch, of one before it, of the day before.
REPEATS = {8: 7, 12: 2, 22: 1, 33: 13, 39: 38}
GOOD = [n for n in range(RECORDS) if n not in BAD and n not in REPEATS]


def item(number: int) -> Record:
    event_id = f"e{REPEATS.get(number, number)}"
    event = {"event_id": event_id, "event_type": "VIEW", "device_id": "d", "properties": {"text": 'a,"b"\r\nc'}}
    value = b"junk" if number in BAD else json.dumps(event).encode()
    return record(number, at=START + (20 * SECOND if number >= 20 else 0 * SECOND), value=value)


# The day changes at record 20; segments also roll by size.
FEED = [item(number) for number in range(RECORDS)]
REAL_PREAD, REAL_PWRITE, REAL_FTRUNCATE, REAL_CLOSE = os.pread, os.pwrite, os.ftruncate, os.close
OPERATIONS = ("write", "pwrite", "fdatasync", "fsync", "ftruncate", "open", "rename")


class CrashError(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


class Machine:
    """Counts file operations and dies at the one numbered `crash_at`, before or after it."""

    def __init__(self, crash_at: int, *, after: bool = False, power_fails: bool = False) -> None:
        self.crash_at = crash_at
        self.after = after
        self.power_fails = power_fails
        self.count = 0
        self.dead = False
        self.files: set[int] = set()
        self.unsynced: dict[int, list[tuple[int, bytes]]] = {}

    def bury(self) -> None:
        """The kernel closes a dead process's files, and with them it drops the locks."""
        for fd in self.files:
            with suppress(OSError):
                if self.power_fails:
                    self._undo(fd)
                REAL_CLOSE(fd)

    def close(self, fd: int) -> None:
        """A descriptor that the process closed itself may by now be somebody else's in these tests."""
        self.files.discard(fd)
        REAL_CLOSE(fd)

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **options: Any) -> Any:
            if self.dead:
                raise CrashError
            self.count += 1
            if name in ("write", "pwrite"):
                self._remember(*args)
            if self.count == self.crash_at:
                self._die(name, real, args, options)
            result = real(*args, **options)
            self._note(name, args, result)
            return result

        return operation

    def _die(self, name: str, real: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> NoReturn:
        self.dead = True
        if self.after:
            real(*args, **options)
        elif name in ("write", "pwrite"):
            fd, data, *rest = args
            real(fd, bytes(data)[: len(data) // 2], *rest)
        raise CrashError

    def _note(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        if name == "open":
            self.files.add(result)
            self.unsynced[result] = []
        elif name in ("fdatasync", "fsync"):
            self.unsynced[args[0]] = []

    def _remember(self, fd: int, data: bytes, position: int | None = None) -> None:
        """What the file holds where it is about to be written; an append starts at its end."""
        start = os.fstat(fd).st_size if position is None else position
        self.unsynced.setdefault(fd, []).append((start, REAL_PREAD(fd, len(data), start)))

    def _undo(self, fd: int) -> None:
        for start, before in reversed(self.unsynced.get(fd, [])):
            if before:
                REAL_PWRITE(fd, before, start)
            else:
                REAL_FTRUNCATE(fd, start)


def feed_until_crash(root: Path) -> None:
    writer = open_partition(paths(root), POLICY, START)
    for one in FEED:
        # While the commit before it may go on in its thread.
        writer.append(columns([one]))
        if one.offset % 5 == 4:
            writer.finish_commit()
            writer.commit_if_due(one.time)
    writer.commit(START + 60 * SECOND)
    writer.close_segment(START + 60 * SECOND)
    writer.release()


def run(root: Path, machine: Machine) -> Machine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "close", machine.close)
        for name in OPERATIONS:
            if name == "rename":
                patch.setattr(Path, "rename", machine.wrap(name, Path.rename))
            else:
                patch.setattr(os, name, machine.wrap(name, getattr(os, name)))
        try:
            feed_until_crash(root)
        except CrashError:
            assert machine.dead
    if machine.dead:
        machine.bury()
    return machine


def assert_whole(root: Path) -> None:
    assert_exactly(stored_offsets(root), GOOD)
    checkpoint = read_checkpoint(paths(root).checkpoint)
    assert checkpoint
    assert (checkpoint.rows, checkpoint.duplicates) == (len(GOOD), len(REPEATS))
    assert [letter["offset"] for letter in dead_letters(root)] == sorted(BAD)
    assert not list(paths(root).state.glob("*.open"))


def operations(root: Path) -> int:
    """How many there are when nothing crashes."""
    return run(root, Machine(0)).count


def test_without_a_crash_all_is_there(tmp_path: Path) -> None:
    assert operations(tmp_path) > 80
    assert_whole(tmp_path)


@pytest.mark.parametrize(
    "how",
    [{"after": False}, {"after": True}, {"after": False, "power_fails": True}],
    ids=["before", "after", "power fails"],
)
def test_a_crash_at_any_operation_loses_and_repeats_nothing(tmp_path: Path, how: dict[str, bool]) -> None:
    for number in range(1, operations(tmp_path / "whole") + 1):
        root = tmp_path / str(number)
        run(root, Machine(number, **how))
        seen = stored_offsets(root)
        assert seen == sorted(set(seen)), f"operation {number}: a reader sees a row twice"
        run(root, Machine(0))
        assert_whole(root)


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("feeder_app.segment_files.truncate", lambda _fd, _size: None),
        ("feeder_app.partition_writer.recall_ids", lambda _paths, _checkpoint, block: SeenIds(block)),
    ],
    ids=["without truncation", "without the memory of ids"],
)
def test_the_control_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, instead: Callable[..., Any]
) -> None:
    """A feeder that keeps what was never committed, or forgets what was, repeats rows: the test above can see that."""
    monkeypatch.setattr(what, instead)
    wrong = 0
    for number in range(1, operations(tmp_path / "whole") + 1):
        root = tmp_path / str(number)
        run(root, Machine(number))
        run(root, Machine(0))
        try:
            assert_whole(root)
        except Exception:  # noqa: BLE001 (rows may repeat, or be torn so that they are no CSV)
            wrong += 1
    assert wrong > 5
