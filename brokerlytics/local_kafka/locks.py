"""Locks that the operating system lets go when their holder ends, however it ends."""

import fcntl
import os
from pathlib import Path


class ProcessLock:
    """An exclusive lock on a file that holds its holder's pid.

    A child that inherits the file descriptor holds the lock too, as long as it runs.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def acquire(self) -> bool:
        """Take the lock without waiting; False when another process holds it."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self.write_pid(os.getpid())
        return True

    def write_pid(self, pid: int) -> None:
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(pid).encode(), 0)

    @property
    def holder(self) -> int:
        """The pid in the file; 0 when there is none."""
        return int(os.pread(self._fd, 20, 0) or 0)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        """Let go of this process's share of the lock."""
        os.close(self._fd)
