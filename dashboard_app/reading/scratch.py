"""A directory of this process's own, below the data directory, that does not outlive the process.

A killed process cannot tidy up, so the next one does: whoever lives holds a lock on its directory.
"""

import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ScratchDirectory:
    """Made when this is constructed, gone with the object or the process. Raises OSError."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        with _locked(parent):
            _sweep(parent)
            self.path = Path(tempfile.mkdtemp(prefix="dashboard-", dir=parent))
            lock = os.open(self.path, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
        self._finalizer = weakref.finalize(self, _remove, self.path, lock)

    def close(self) -> None:
        """Remove the directory now."""
        self._finalizer()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One process at a time sweeps, so that none sweeps a directory whose owner is about to lock it."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _sweep(parent: Path) -> None:
    """Remove the directories whose owner is gone."""
    for path in parent.glob("dashboard-*"):
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            # Its owner has just removed it.
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
        else:
            _remove(path, fd)


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
