"""Files as readers of the store see them: the first bytes of one, and the content of a compressed one."""

import io
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

_CHUNK_BYTES: Final = 16 * 1024


class FilePrefix(io.RawIOBase):
    """The first `length` bytes of `file`, from where it stands."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stub's Buffer has no len()
        chunk = self._file.read(min(len(buffer), self._left))
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        return len(chunk)


class ZstdFile(io.RawIOBase):
    """The content of a file with one zstd frame. Reading raises ZstdError; EOFError when the file was cut.

    zstandard's own reader ends a file that was cut as if nothing were missing.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = path.open("rb")
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stub's Buffer has no len()
        while not self._rest and (chunk := self._file.read(_CHUNK_BYTES)):
            self._rest = self._frame.decompress(chunk)
        if not self._rest and not self._frame.eof:
            raise EOFError("the compressed file ends too early")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
