"""A new segment file from the rows of others: byte for byte, in order of offsets, read back before it counts."""

import gzip
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import zstandard

from brokerlytics.csv_format import HEADER
from brokerlytics.store import DAMAGED, open_segment
from feeder_app.errors import StoreDamagedError
from feeder_app.segment_rows import offset_of, whole_rows

_GZIP_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 3


@dataclass(slots=True)
class Content:
    """What was seen of some rows: two are equal when the rows are. `first_offset` is None while there is no row."""

    rows: int = 0
    size: int = 0
    first_offset: int | None = None
    last_offset: int = -1
    digest: Any = field(default_factory=hashlib.sha256, compare=False)

    def add(self, row: bytes) -> None:
        """Raises ValueError when the row does not come after the one before it."""
        offset = offset_of(row)
        if offset <= self.last_offset:
            raise ValueError(f"offset {offset} comes after {self.last_offset}")
        if self.first_offset is None:
            self.first_offset = offset
        self.last_offset = offset
        self.rows += 1
        self.size += len(row)
        self.digest.update(row)

    def is_that_of(self, other: "Content") -> bool:
        return self == other and self.digest.digest() == other.digest.digest()


def rows_of(path: Path) -> Iterator[bytes]:
    """The rows of a closed segment. Raises StoreDamagedError when it is no CSV of ours; OSError."""
    with open_segment(path) as file:
        try:
            if file.readline() != HEADER:
                raise ValueError("it does not begin with the header")
            yield from whole_rows(file)
        except (ValueError, *DAMAGED) as error:
            raise StoreDamagedError(f"{path} is no segment that a feeder wrote: {error}. Restore it.") from error


def content_of(path: Path) -> Content:
    """Raises StoreDamagedError, OSError."""
    content = Content()
    try:
        for row in rows_of(path):
            content.add(row)
    except ValueError as error:
        raise StoreDamagedError(f"{path}: {error}. Restore it.") from error
    return content


def write_segment(target: Path, rows: Iterable[bytes], source: Path) -> Content:
    """Write `rows` into a new file and read it back; returns when it is on disk.

    `source` is where they come from, for errors. The suffix of `target` says how it is compressed.
    Raises StoreDamagedError when `rows` are not in order, or came back different; OSError.
    """
    written = Content()
    with _create(target) as file:
        file.write(HEADER)
        for row in rows:
            try:
                written.add(row)
            except ValueError as error:
                raise StoreDamagedError(
                    f"{source}: {error}. Two files hold the same rows, or one is damaged."
                ) from error
            file.write(row)
    if not content_of(target).is_that_of(written):
        raise StoreDamagedError(f"{target} does not read as it was written: the disk or the memory is faulty.")
    return written


def chained(sources: Iterable[Path], tell: Callable[[Path], None]) -> Iterator[bytes]:
    """The rows of some segments, one after another. `tell` is called after each."""
    for path in sources:
        yield from rows_of(path)
        tell(path)


@contextmanager
def _create(path: Path) -> Iterator[IO[bytes]]:
    """A new file that is on disk when the context ends."""
    with path.open("xb") as raw:
        with _compressing(path, raw) as file:
            yield file
        raw.flush()
        os.fsync(raw.fileno())


def _compressing(path: Path, raw: IO[bytes]) -> AbstractContextManager[Any]:
    match path.suffix:
        case ".gz":
            # No name and no time: the same rows give the same file.
            return gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0)
        case ".zst":
            compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
            return compressor.stream_writer(raw, closefd=False)
        case _:
            return nullcontext(raw)
