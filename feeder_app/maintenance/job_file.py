"""What a job is about to swap, written down before it does, so that the next one knows whether it happened."""

from pathlib import Path

import msgspec

from brokerlytics.removals import Removal, removals_path
from feeder_app.maintenance.meeting import maintenance_dir
from feeder_app.segment_files import replace_durably, sync_directory


class _Job(msgspec.Struct, frozen=True, kw_only=True):
    """`inode` is that of the day's old directory; `removals_bytes` the size of the list before this job's are added."""

    date: str
    inode: int
    removals_bytes: int
    removals: tuple[Removal, ...]


def prepared_dir(root: Path, date: str) -> Path:
    """Where a day waits for its swap, and where its old directory is after it."""
    return maintenance_dir(root) / f"date={date}"


class JobFile:
    """state/maintenance/JOB: there from before a swap until its removals are written."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = maintenance_dir(root) / "JOB"

    def begin(self, date: str, old: Path, removals: list[Removal]) -> None:
        """Returns when it is on disk that `old` is to go out, and what goes with it. Raises OSError."""
        path = removals_path(self._root)
        size = path.stat().st_size if path.exists() else 0
        job = _Job(date=date, inode=old.stat().st_ino, removals_bytes=size, removals=tuple(removals))
        replace_durably(self._path, msgspec.json.encode(job))

    def settle(self) -> None:
        """Finish a swap that happened, forget one that did not; nothing to do without one. Raises OSError."""
        job = self._read()
        if job is None:
            return
        if job.removals and self._has_swapped(job):
            self._write_removals(job)
        self._path.unlink()
        sync_directory(self._path.parent)

    def unlisted(self) -> tuple[Removal, ...]:
        """For readers: what a swap took out, from its moment on until that is on the list. Raises OSError."""
        job = self._read()
        return job.removals if job and self._has_swapped(job) else ()

    def _read(self) -> _Job | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Job)
        except FileNotFoundError:
            return None

    def _has_swapped(self, job: _Job) -> bool:
        try:
            return prepared_dir(self._root, job.date).stat().st_ino == job.inode
        except FileNotFoundError:
            return False

    def _write_removals(self, job: _Job) -> None:
        """The list up to this job, and this job's: once, however often it is repeated."""
        path = removals_path(self._root)
        before = path.read_bytes()[: job.removals_bytes] if path.exists() else b""
        replace_durably(path, before + b"".join(msgspec.json.encode(removal) + b"\n" for removal in job.removals))
