"""A file or standard input as lines, plain or gzip; memory stays at one line."""

import gzip
import hashlib
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from analytics_app.importing.errors import DamagedInputError, ImportFileError

STANDARD_INPUT: Final = "-"
# An event has 32 KiB at most, so that a longer line cannot be one.
MAX_LINE_BYTES: Final = 1024 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b"
_CHUNK_BYTES: Final = 1024 * 1024
_BUFFER_BYTES: Final = 256 * 1024


class Input:
    """An open file. `size` is None where it cannot be known, as for a pipe."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file
        self._found = self._stat()
        self.size = self._found.st_size if self._found and stat.S_ISREG(self._found.st_mode) else None
        self._counted = _Counted(file)

    @property
    def position(self) -> int:
        """How many of the file's bytes were read."""
        return self._counted.position

    @property
    def changed(self) -> bool:
        """Whether somebody has written to the file since it was opened."""
        now = self._stat()
        return bool(
            now and self._found and (now.st_size, now.st_mtime_ns) != (self._found.st_size, self._found.st_mtime_ns)
        )

    def digest(self, tell: Callable[[int], None]) -> str:
        """What the file is known by. Call it before anything is read; `tell` gets the number of bytes so far."""
        digest, done = hashlib.blake2b(digest_size=16), 0
        while chunk := self._file.read(_CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            tell(done)
        self._file.seek(0)
        return digest.hexdigest()

    def lines(self) -> Iterator[bytes]:
        """Every line with its end and without a byte order mark.

        Of one that is too long only the first MAX_LINE_BYTES are given: see `is_too_long`.
        Raises DamagedInputError where the file cannot be read any further.
        """
        try:
            yield from _lines(self._open())
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DamagedInputError(f"The gzip data ends too early or is damaged: {error}") from None
        except OSError as error:
            raise DamagedInputError(f"The file cannot be read: {error.strerror or error}") from None

    def _open(self) -> BinaryIO:
        buffered = io.BufferedReader(self._counted, _BUFFER_BYTES)
        if buffered.peek(2)[:2] != _GZIP_MAGIC:
            return buffered
        return io.BufferedReader(_Unpacked(buffered), _BUFFER_BYTES)

    def _stat(self) -> os.stat_result | None:
        try:
            return os.fstat(self._file.fileno())
        except OSError:
            return None


@contextmanager
def open_input(name: str) -> Iterator[Input]:
    """The file called `name`, or standard input for `-`. Raises ImportFileError when it cannot be opened."""
    try:
        file = os.dup(sys.stdin.fileno()) if name == STANDARD_INPUT else os.open(Path(name), os.O_RDONLY)
        raw = io.FileIO(file)
    except OSError as error:
        raise ImportFileError(f"{name} cannot be read: {error.strerror}.") from None
    with raw:
        yield Input(raw)


def is_too_long(line: bytes) -> bool:
    """Whether `line` is only the start of one that is longer than MAX_LINE_BYTES."""
    return len(line) >= MAX_LINE_BYTES and not line.endswith(b"\n")


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    line = stream.readline(MAX_LINE_BYTES).removeprefix(b"\xef\xbb\xbf")
    while line:
        yield line
        rest = line
        while is_too_long(rest):
            rest = stream.readline(MAX_LINE_BYTES)
        line = stream.readline(MAX_LINE_BYTES)


class _Counted(io.RawIOBase):
    """Counts the bytes that are read of `file`."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stub's Buffer has no len()
        count = self._file.readinto(buffer) or 0
        self.position += count
        return count


class _Unpacked(io.RawIOBase):
    """What is in a gzip file. Gives all that comes before a damage, which GzipFile.read() does not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = gzip.GzipFile(fileobj=file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stub's Buffer has no len()
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)
