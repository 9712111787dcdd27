"""The one job that changes closed days, a whole day at a time, and what a crash of it leaves.

    state/maintenance/LOCK                held while a job runs
    state/maintenance/date=2026-08-22/    the day as it will be; after the swap the day as it was
    state/maintenance/JOB                 what is being swapped; there from before a swap until its removals are written
    state/maintenance/removals.ndjson     brokerlytics/removals.py

Order: the new directory is complete, read back and on disk → JOB → swap in one step → fsync of both parents →
removals → JOB is removed → the old directory is emptied. A crash at any point leaves the old day or the new one, and
the next job finishes the rest: JOB knows the old directory by its inode, so whether it was swapped is seen by where
that is.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from brokerlytics.removals import Removal
from feeder_app.errors import FeederError, PartitionBusyError, StoreDamagedError
from feeder_app.locking import FileLock
from feeder_app.maintenance.exchange import exchange, try_exchange
from feeder_app.maintenance.job_file import JobFile, prepared_dir
from feeder_app.maintenance.meeting import maintenance_dir, swapping_a_day
from feeder_app.segment_files import sync_directory

logger = logging.getLogger(__name__)

# Writes new files into a directory; returns the names that they take the place of, and what is removed.
Prepare = Callable[[Path], tuple[set[str], list[Removal]]]


class JobRunningError(FeederError):
    """Another job works on this store."""


class DayChangedError(FeederError):
    """Files of the day vanished while its new directory was prepared. Nothing was changed."""


class Workspace:
    """Changes days. While it is open no other job does. Use as a context manager or call `close`."""

    def __init__(self, root: Path, grace: timedelta, now: datetime) -> None:
        """Take the lock, and finish or discard what a killed job left. Raises JobRunningError, OSError."""
        self.root = root
        self._dir = maintenance_dir(root)
        self._grace = grace.total_seconds()
        self._discarded: dict[Path, float] = {}
        self._job = JobFile(root)
        try:
            self._lock = FileLock(self._dir / "LOCK", now)
        except PartitionBusyError as error:
            raise JobRunningError(f"Another job works on this store: {error}.") from error
        self._job.settle()
        for path in (*self._dir.glob("date=*"), *self._dir.glob("try-*")):
            logger.warning("%s: a job that was killed left it; it is removed", path.name)
            self._discard(path)
        self.empty(wait=True)

    def rewrite(self, date: str, prepare: Prepare) -> None:
        """Give a day other files: those that `prepare` writes, and the others of the day as they are.

        Raises ExchangeUnsupportedError, DayChangedError, SwapBusyError, StoreDamagedError, OSError: nothing changed.
        """
        old, new = self._day(date), self._prepared(date)
        try_exchange(self._dir)
        before = _names(old)
        try:
            new.mkdir()
            replaced, removals = prepare(new)
            for name in before - replaced:
                os.link(old / name, new / name)
            sync_directory(new)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

        def swap() -> None:
            added = _added(old, before)
            for name in added:
                os.link(old / name, new / name)
            sync_directory(new)
            exchange(old, new)

        self._swap(date, removals, swap)

    def remove(self, date: str, expected: set[str], removals: list[Removal]) -> None:
        """Take a whole day out: the files `expected` and no others.

        Raises DayChangedError, SwapBusyError, OSError: nothing was changed.
        """
        old, place = self._day(date), self._prepared(date)

        def take_out() -> None:
            if _names(old) != expected:
                raise DayChangedError(
                    f"{old} has other files than the segments that were to go. What a feeder has just added goes with "
                    "the next run; move away what is no segment."
                )
            old.rename(place)

        self._swap(date, removals, take_out)

    def empty(self, *, wait: bool) -> None:
        """Remove the old directories that were swapped out long enough ago; with `wait`, all of them.

        Who has opened one just before the swap reads its names to the end.
        """
        for path, since in list(self._discarded.items()):
            left = since + self._grace - time.monotonic()
            if left > 0 and not wait:
                continue
            time.sleep(max(left, 0))
            shutil.rmtree(path)
            del self._discarded[path]

    def close(self) -> None:
        """Remove every old directory, then let the next job in."""
        try:
            self.empty(wait=True)
        finally:
            self._lock.release()

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _swap(self, date: str, removals: list[Removal], swap: Callable[[], None]) -> None:
        try:
            self._job.begin(date, self._day(date), removals)
            with swapping_a_day(self.root):
                swap()
                sync_directory(self.root / "data")
                sync_directory(self._dir)
        finally:
            # Whatever happened, the directories themselves say whether they were swapped.
            self._job.settle()
            self._discard(self._prepared(date))

    def _discard(self, path: Path) -> None:
        if path.exists():
            self._discarded[path] = time.monotonic()

    def _day(self, date: str) -> Path:
        return self.root / "data" / f"date={date}"

    def _prepared(self, date: str) -> Path:
        return prepared_dir(self.root, date)


def _names(directory: Path) -> set[str]:
    """The files of a day. Raises StoreDamagedError when something else is there."""
    with os.scandir(directory) as entries:
        found = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    for name, is_file in found.items():
        if not is_file:
            raise StoreDamagedError(f"{directory / name} is no file: only segments belong there. Move it away.")
    return set(found)


def _added(directory: Path, before: set[str]) -> set[str]:
    """What feeders put there since `before`, which has to be there still."""
    names = _names(directory)
    if gone := before - names:
        raise DayChangedError(f"{directory}: {len(gone)} files vanished while the day was rewritten.")
    return names - before
