"""Locks that the operating system lets go when their holder ends, however it ends."""

import fcntl
import os
from pathlib import Path
from typing import Final

_PID_BYTES: Final = 20


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
        # In one step, over all of what stood there: whoever reads it finds a whole number.
        os.pwrite(self._fd, str(pid).ljust(_PID_BYTES).encode(), 0)

    @property
    def holder(self) -> int:
        """The pid in the file; 0 when there is none."""
        return int(os.pread(self._fd, _PID_BYTES, 0) or 0)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        """Let go of this process's share of the lock."""
        os.close(self._fd)
