"""What was done about dead letters: an append-only journal beside them, one line a step, on disk before the next.

    state/events-0003/dead-letters.journal

The dead letters themselves are the feeder's, covered by its checkpoint, and stay as they are.
"""

import os
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from brokerlytics.store import PartitionPaths
from feeder_app.segment_files import sync_directory


class LetterState(StrEnum):
    """What became of a dead letter. UNFINISHED: it may be on the topic again or not; the next requeue finds out."""

    WAITING = "waiting"
    UNFINISHED = "unfinished"
    REQUEUED = "requeued"
    DROPPED = "dropped"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step with the letter at `offset`.

    intent: it is produced from now on; it can be on the topic from the offset `from_offset` on. done: it is there, at
    `new_offset`. absent: it is not there, and never will be. drop: somebody dealt with it otherwise.
    """

    step: Literal["intent", "done", "absent", "drop"]
    offset: int
    at: datetime
    from_offset: int = 0
    new_offset: int = 0


_STATES = {
    "intent": LetterState.UNFINISHED,
    "done": LetterState.REQUEUED,
    "absent": LetterState.WAITING,
    "drop": LetterState.DROPPED,
}


def journal_path(paths: PartitionPaths) -> Path:
    return paths.state / "dead-letters.journal"


def last_entries(paths: PartitionPaths) -> dict[int, Entry]:
    """The last step with each letter, by its offset. A line that a crash cut is none.

    Raises msgspec.MsgspecError for a line that nobody of us wrote; OSError.
    """
    try:
        content = journal_path(paths).read_bytes()
    except FileNotFoundError:
        return {}
    whole = content[: content.rfind(b"\n") + 1]
    entries = (msgspec.json.decode(line, type=Entry) for line in whole.splitlines())
    return {entry.offset: entry for entry in entries}


def state_of(entry: Entry | None) -> LetterState:
    return _STATES[entry.step] if entry else LetterState.WAITING


def append(paths: PartitionPaths, entries: Iterable[Entry]) -> None:
    """Returns when the entries are on disk. The holder of the job's lock is the only writer. Raises OSError."""
    lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    path = journal_path(paths)
    is_new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        content = os.pread(fd, os.fstat(fd).st_size, 0)
        # What a crash left of a line would spoil the next one.
        end = content.rfind(b"\n") + 1
        os.ftruncate(fd, end)
        os.lseek(fd, end, os.SEEK_SET)
        view = memoryview(lines)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    if is_new:
        sync_directory(paths.state)
