"""`runfeeder` on a machine that fails.

SLOW_DISK=1                             fsync takes its time, so that kills hit between the steps
FAULT="kill-after fdatasync *.open 3"   at the third fdatasync of such a file; what may happen: see _FAULTS
CLOCK=PATH                              the clock is off by the number of seconds in this file, read each time
CONTROL=no-lock                         one protection is switched off: see controls.py
"""

import errno
import os
import random
import signal
import stat
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from fnmatch import fnmatch
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

from django.core.management import execute_from_command_line
from typing_extensions import Buffer

from torture.controls import CONTROLS

_real_fstat = os.fstat


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL cannot be survived")


def _kill_before(_real: Callable[..., Any], *_: Any) -> NoReturn:
    _die()


def _kill_after(real: Callable[..., Any], *args: Any) -> NoReturn:
    real(*args)
    _die()


def _kill_half(real: Callable[..., Any], fd: int, data: bytes, *rest: Any) -> NoReturn:
    """Half of what was to be written is there."""
    real(fd, bytes(data)[: len(data) // 2], *rest)
    _die()


def _freeze_before(real: Callable[..., Any], *args: Any) -> Any:
    """Whoever wakes it finds it in the middle of what it was about to do."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return real(*args)


def _fail(number: int) -> Callable[..., NoReturn]:
    def fail(real: Callable[..., Any], *args: Any) -> NoReturn:
        if real.__name__ in ("fdatasync", "fsync"):
            _lose_unsynced(args[0])
        raise OSError(number, os.strerror(number))

    return fail


_FAULTS: dict[str, Callable[..., Any]] = {
    "kill-before": _kill_before,
    "kill-half": _kill_half,
    "kill-after": _kill_after,
    "freeze-before": _freeze_before,
    "EIO": _fail(errno.EIO),
    "ENOSPC": _fail(errno.ENOSPC),
}
# How much of each file, by inode, is on disk. Bytes that were there before the first write are.
_synced: dict[int, int] = {}


def _lose_unsynced(fd: int) -> None:
    """As file systems do after an error: the pages count as clean, and what was in them is gone."""
    status = _real_fstat(fd)
    start, size = _synced.get(status.st_ino, status.st_size), status.st_size
    if stat.S_ISREG(status.st_mode) and size > start:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        with path.open("r+b") as file:
            file.seek(start)
            file.write(b"\0" * (size - start))


def _name(args: tuple[Any, ...]) -> str:
    """The name of the file that an operation is about; of a rename, the new one."""
    return Path(f"/proc/self/fd/{args[0]}").readlink().name if isinstance(args[0], int) else Path(args[1]).name


def inject(fault: str) -> None:
    """Have the fault happen once."""
    what, operation, pattern, number = fault.split()
    real = getattr(os, operation)
    left = int(number)
    # Partitions commit in threads of their own.
    counting = Lock()

    def is_struck(args: tuple[Any, ...]) -> bool:
        nonlocal left
        with counting:
            if not left or not fnmatch(_name(args), pattern):
                return False
            left -= 1
            return left == 0

    def faulty(*args: Any, **options: Any) -> Any:
        if is_struck(args):
            return _FAULTS[what](real, *args)
        result = real(*args, **options)
        if operation in ("fdatasync", "fsync"):
            status = _real_fstat(args[0])
            _synced[status.st_ino] = status.st_size
        return result

    faulty.__name__ = operation
    setattr(os, operation, faulty)


def note_first_writes() -> None:
    """Remember how long each file was before it was written to."""
    real = os.write

    def write(fd: int, data: Buffer) -> int:
        status = _real_fstat(fd)
        _synced.setdefault(status.st_ino, status.st_size)
        return real(fd, data)

    os.write = write


def slow_disk() -> None:
    """Rows are in the file and not in the checkpoint: the longest moment of all."""
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        time.sleep(random.uniform(0, 0.2 if _name((fd,)).endswith(".open") else 0.01))
        real(fd)

    os.fdatasync = fdatasync  # type: ignore[assignment]  # its parameter is one of several kinds there


def wild_clock(path: Path) -> None:
    """The feeder's clock is off by as many seconds as the file says."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one, as all others
            return datetime.now(tz) + timedelta(seconds=float(path.read_text() or 0))

    for name in ("service", "feeder", "assignment"):
        module = __import__(f"feeder_app.{name}", fromlist=["datetime"])
        module.datetime = Clock  # type: ignore[attr-defined]  # each has the name from its own import


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
    if os.environ.get("SLOW_DISK"):
        slow_disk()
    if fault := os.environ.get("FAULT"):
        note_first_writes()
        inject(fault)
    if clock := os.environ.get("CLOCK"):
        wild_clock(Path(clock))
    if control := os.environ.get("CONTROL"):
        CONTROLS[control]()
    execute_from_command_line(["manage.py", "runfeeder", *sys.argv[1:]])


if __name__ == "__main__":
    main()
