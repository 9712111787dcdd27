"""Where feeders and the maintenance of the store meet: the moment of a swap, and segments that are wanted closed.

    state/maintenance/SWAP     held by feeders while they put a segment into a day, and by a job while it swaps one
    state/maintenance/CLOSE    names of active segments, one a line, that a job waits for

Readers need neither.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from feeder_app.errors import FeederError
from feeder_app.segment_files import space_or_failure

_SWAP_PATIENCE: Final = 60.0
_SWAP_INTERVAL: Final = 0.02


class SwapBusyError(FeederError):
    """A feeder has held the lock for too long: it is stopped in the middle of a close."""


def maintenance_dir(root: Path) -> Path:
    return root / "state" / "maintenance"


@contextmanager
def putting_into_a_day(root: Path) -> Iterator[None]:
    """While a feeder puts a segment into a day's directory: no job swaps one. Feeders do not keep each other out.

    Raises OutOfSpaceError, StoreFailedError.
    """
    directory = maintenance_dir(root)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        fd = _open_lock(directory)
    except OSError as error:
        raise space_or_failure(error, directory) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


@contextmanager
def swapping_a_day(root: Path) -> Iterator[None]:
    """While a job swaps a day's directory: feeders wait before they put a segment anywhere. Raises SwapBusyError."""
    fd = _open_lock(maintenance_dir(root))
    try:
        _lock_patiently(fd)
        yield
    finally:
        os.close(fd)


def request_close(root: Path, names: Iterable[str]) -> None:
    """Ask whoever writes these active segments to close them soon; no names take the request back. Raises OSError."""
    path = _requests(root)
    lines = "".join(f"{name}\n" for name in names)
    if not lines:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_text(lines)
    temporary.replace(path)


def close_requested(root: Path, name: str) -> bool:
    """Whether a job waits for the active segment `name`: a feeder asks this a few times a second."""
    try:
        return name in _requests(root).read_text().splitlines()
    except OSError:
        return False


def _requests(root: Path) -> Path:
    return maintenance_dir(root) / "CLOSE"


def _open_lock(directory: Path) -> int:
    return os.open(directory / "SWAP", os.O_RDWR | os.O_CREAT, 0o644)


def _lock_patiently(fd: int) -> None:
    deadline = time.monotonic() + _SWAP_PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                message = f"A feeder has been closing a segment for {_SWAP_PATIENCE:.0f} s. Is its process stopped?"
                raise SwapBusyError(message) from error
            time.sleep(_SWAP_INTERVAL)
        else:
            return
