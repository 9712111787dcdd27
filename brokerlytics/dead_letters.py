"""The dead letters of a store: what the feeder committed of them, read line by line."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from brokerlytics.checkpoint import read_checkpoint
from brokerlytics.store import PartitionPaths
from brokerlytics.timestamps import from_milliseconds


class DeadLetter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that was no event: where it is, why it is none, and its bytes. `timestamp` is in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    reason: str
    field: str | None
    message: str
    key: bytes | None
    value: bytes | None

    @property
    def place(self) -> str:
        """PARTITION:OFFSET, as commands take it."""
        return f"{self.partition}:{self.offset}"

    @property
    def is_blank(self) -> bool:
        """Whether its bytes are zeros only: `forget` has overwritten them."""
        return (
            bool(self.value or self.key) and not (self.value or b"").strip(b"\0") and not (self.key or b"").strip(b"\0")
        )

    @property
    def time(self) -> datetime:
        return from_milliseconds(self.timestamp)


_decoder = msgspec.json.Decoder(DeadLetter)


def committed_lines(paths: PartitionPaths) -> Iterator[bytes]:
    """The committed lines of one partition, in order of offsets, while a feeder may go on.

    Raises CorruptCheckpointError, OSError.
    """
    checkpoint = read_checkpoint(paths.checkpoint)
    if checkpoint and checkpoint.dead_letter_bytes:
        yield from first_lines(paths.dead_letters, checkpoint.dead_letter_bytes)


def first_lines(path: Path, size: int) -> Iterator[bytes]:
    """The lines within the first `size` bytes of a file. Raises OSError."""
    return lines_between(path, 0, size)


def lines_between(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The lines within the bytes [start, end) of a file; `start` is where one begins. Raises OSError."""
    with path.open("rb") as file:
        file.seek(start)
        size = end - start
        while size > 0 and (line := file.readline(size)):
            size -= len(line)
            yield line


def decode_letter(line: bytes) -> DeadLetter:
    """Raises msgspec.MsgspecError."""
    return _decoder.decode(line)
