"""The checkpoint: which bytes of the store are committed. It decides, not Kafka's committed offsets.

One file per partition with two slots. A write goes to slot `sequence % 2`, so that a torn write
leaves the one before it whole; reading takes the valid slot with the highest sequence.
Slot: length (4 bytes, big endian), CRC-32 of the JSON (4 bytes), JSON.
"""

import os
import zlib
from datetime import datetime
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

SLOT_BYTES: Final = 8192
_HEAD: Final = Struct(">II")
MAX_GAPS: Final = 20


class ActiveSegment(msgspec.Struct, frozen=True, kw_only=True):
    """The segment file that is being written: `committed_bytes` of it count, the rest does not.

    `closing_to` is set while it is being closed: the name below the data directory that it gets.
    """

    name: str
    first_offset: int
    committed_bytes: int
    date: str
    opened_at: datetime
    csv_version: int
    closing_to: str | None = None


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets [start, end) that had left the topic before the feeder read them."""

    start: int
    end: int


class PoisonCount(msgspec.Struct, frozen=True, kw_only=True):
    """What the bound on dead letters looks at: the current run of bad records, and a window's share."""

    run: int = 0
    window_bad: int = 0
    window_seen: int = 0


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The committed state of one partition. `next_offset` is the offset of the next record to store.

    `topic_id` tells the topic from another of the same name, as Kafka does; None while it is not known.
    """

    sequence: int = 0
    epoch: int = 0
    next_offset: int = 0
    active: ActiveSegment | None = None
    dead_letter_bytes: int = 0
    dead_letters: int = 0
    rows: int = 0
    duplicates: int = 0
    poison: PoisonCount = PoisonCount()
    gaps: tuple[Gap, ...] = ()
    committed_at: datetime | None = None
    topic_id: str | None = None


class CorruptCheckpointError(Exception):
    """The file has bytes, but neither slot is valid."""


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The newest committed checkpoint; None when none was ever written.

    Safe beside a writer: a slot caught in mid-write fails its CRC and the other one is taken.
    Raises CorruptCheckpointError.
    """
    slots = _slots(path)
    valid = [checkpoint for slot in slots if (checkpoint := _decode_slot(slot))]
    if valid:
        return max(valid, key=lambda checkpoint: checkpoint.sequence)
    # With one slot untouched, the very first write was torn: nothing was committed before it.
    if slots and all(any(slot) for slot in slots):
        raise CorruptCheckpointError(f"{path}: neither slot of the checkpoint is valid.")
    return None


def damaged_slots(path: Path) -> set[int]:
    """The numbers (0, 1) of the slots that have bytes which are no checkpoint: a write that a crash cut, or damage.

    For the holder of the partition's lock: beside a writer it may be a write that is going on.
    """
    return {number for number, slot in enumerate(_slots(path)) if any(slot) and not _is_valid(slot)}


class CheckpointFile:
    """Writes checkpoints durably. The holder of the partition's lock is the only writer."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; both slots are filled at once, so that no later write needs space."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        missing = 2 * SLOT_BYTES - os.fstat(self._fd).st_size
        if missing > 0:
            _write_at(self._fd, b"\0" * missing, 2 * SLOT_BYTES - missing)
            os.fsync(self._fd)

    def write(self, checkpoint: Checkpoint) -> None:
        """Returns when `checkpoint` is on disk. Raises OSError; after one the state on disk is unknown."""
        body = msgspec.json.encode(checkpoint)
        slot = _HEAD.pack(len(body), zlib.crc32(body)) + body
        if len(slot) > SLOT_BYTES:
            raise ValueError(f"A checkpoint of {len(slot)} bytes does not fit a slot of {SLOT_BYTES}.")
        _write_at(self._fd, slot, (checkpoint.sequence % 2) * SLOT_BYTES)
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def _slots(path: Path) -> list[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return [content[start : start + SLOT_BYTES] for start in (0, SLOT_BYTES)]


def _decode_slot(slot: bytes) -> Checkpoint | None:
    if len(slot) < _HEAD.size:
        return None
    length, crc = _HEAD.unpack_from(slot)
    body = slot[_HEAD.size : _HEAD.size + length]
    if not body or len(body) != length or zlib.crc32(body) != crc:
        return None
    return msgspec.json.decode(body, type=Checkpoint)


def _is_valid(slot: bytes) -> bool:
    try:
        return _decode_slot(slot) is not None
    except msgspec.MsgspecError:
        return False


def _write_at(fd: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, position)
        view, position = view[written:], position + written
