"""Durable file operations of the store: append, truncate, rename, and which errors mean a full disk."""

import errno
import logging
import os
from pathlib import Path

from feeder_app.errors import OutOfSpaceError, StoreDamagedError, StoreFailedError
from feeder_app.metrics import FSYNC_DATA, FSYNC_DIRECTORY

logger = logging.getLogger(__name__)

_FULL = {errno.ENOSPC, errno.EDQUOT}


class AppendFile:
    """A file that only grows, and of which `committed_bytes` count."""

    def __init__(self, path: Path, committed_bytes: int) -> None:
        """Open `path`, made when nothing of it is committed, and cut it to what is committed.

        Raises StoreDamagedError when it is missing or shorter; OutOfSpaceError.
        """
        self.path = path
        flags = os.O_RDWR | os.O_APPEND | (0 if committed_bytes else os.O_CREAT)
        try:
            self._fd = os.open(path, flags, 0o644)
        except FileNotFoundError as error:
            raise StoreDamagedError(
                f"{path} is missing; the checkpoint says that {committed_bytes} bytes of it are committed."
            ) from error
        except OSError as error:
            raise space_or_failure(error, path) from error
        self.committed_bytes = self.size = committed_bytes
        size = os.fstat(self._fd).st_size
        if size < committed_bytes:
            os.close(self._fd)
            raise StoreDamagedError(
                f"{path} has {size} bytes; the checkpoint says that {committed_bytes} are committed."
            )
        if size > committed_bytes:
            logger.warning("%s: cut %d bytes that were never committed", path.name, size - committed_bytes)
            truncate(self._fd, committed_bytes)

    def append(self, data: bytes | bytearray) -> None:
        """Write at the end; counts for nothing before `sync` and `mark_committed`.

        Raises OutOfSpaceError, after which `roll_back` is due; StoreFailedError.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise space_or_failure(error, self.path) from error
        self.size += len(data)

    @FSYNC_DATA.time()
    def sync(self) -> None:
        """Returns when what was appended is on disk. An error is final: never retry an fsync."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise StoreFailedError(f"{self.path}: fsync failed: {error.strerror}.") from error

    def mark_committed(self) -> None:
        self.committed_bytes = self.size

    def roll_back(self) -> None:
        """Cut off what was appended since the last commit."""
        truncate(self._fd, self.committed_bytes)
        self.size = self.committed_bytes

    def close(self) -> None:
        os.close(self._fd)


def truncate(fd: int, size: int) -> None:
    """Cut off what was written after the last commit."""
    os.ftruncate(fd, size)


@FSYNC_DIRECTORY.time()
def sync_directory(path: Path) -> None:
    """Returns when the names in `path` are on disk. Raises StoreFailedError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        raise StoreFailedError(f"{path}: fsync failed: {error.strerror}.") from error
    finally:
        os.close(fd)


def replace_durably(path: Path, content: bytes) -> None:
    """Give a small file other content in one step; returns when that is on disk. Raises OSError, StoreFailedError."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def move_into_place(source: Path, target: Path) -> None:
    """Rename `source` to `target` durably; done already when only `target` exists.

    Raises StoreDamagedError when both or neither exist; OutOfSpaceError; StoreFailedError.
    """
    if source.exists() and target.exists():
        raise StoreDamagedError(f"{target} exists already: {source} would overwrite it. Move one of them away.")
    if not source.exists() and not target.exists():
        raise StoreDamagedError(f"{source} is missing, and so is {target}, which it was to become.")
    try:
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            sync_directory(target.parent.parent)
        if source.exists():
            source.rename(target)
    except OSError as error:
        raise space_or_failure(error, target) from error
    sync_directory(target.parent)
    sync_directory(source.parent)


def space_or_failure(error: OSError, path: Path) -> Exception:
    """A full disk is waited for; any other error ends the feeder."""
    if error.errno in _FULL:
        return OutOfSpaceError(f"{path}: {error.strerror}.")
    return StoreFailedError(f"{path}: {error.strerror}.")
