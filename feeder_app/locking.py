"""Locks that die with their process. A consumer that lost its group may go on fetching: the lock, not
Kafka's group membership, is what keeps a second writer away from a file."""

import fcntl
import os
from datetime import datetime
from pathlib import Path

from brokerlytics.timestamps import format_timestamp
from feeder_app.errors import PartitionBusyError


class FileLock:
    """An exclusive flock, held from construction until `release` or the end of the process."""

    def __init__(self, path: Path, now: datetime) -> None:
        """Take the lock without waiting and write the holder's pid and start time into the file.

        Raises PartitionBusyError when another process has it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 200, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise PartitionBusyError(f"{path.parent.name} is held by {holder or 'another process'}") from error
        self._say_holder(f"pid {os.getpid()} since {format_timestamp(now)}\n".ljust(60))

    def _say_holder(self, text: str) -> None:
        try:
            os.pwrite(self._fd, text.encode(), 0)
        except OSError:
            # A full disk: the text is for people, the lock itself is held.
            return

    def release(self) -> None:
        os.close(self._fd)


def take_slot(directory: Path, now: datetime) -> tuple[int, FileLock]:
    """The lowest free number for a feeder on this store, and the lock that keeps it.

    A feeder that was killed leaves its number free at once, so that its successor takes over its
    group membership (`group.instance.id`) and partitions without a rebalance.
    """
    slot = 0
    while True:
        try:
            return slot, FileLock(directory / f"slot-{slot}.LOCK", now)
        except PartitionBusyError:
            slot += 1
