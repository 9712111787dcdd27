"""One partition at one moment: its checkpoint, and the files that hold what it says is committed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from brokerlytics.checkpoint import Checkpoint, CorruptCheckpointError, damaged_slots, read_checkpoint
from brokerlytics.removals import Removal, read_removals
from brokerlytics.store import PartitionPaths, closed_segments, open_segment
from feeder_app.maintenance.job_file import JobFile
from feeder_app.verify.findings import Findings

_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class Part:
    """A closed segment, or the committed part of the active one: `size` bytes, None for all."""

    path: Path
    date: str
    first_offset: int
    last_offset: int
    size: int | None
    open_file: BinaryIO | None = None

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The file from its beginning. Raises OSError."""
        if self.open_file:
            self.open_file.seek(0)
            yield self.open_file
            return
        with open_segment(self.path) as file:
            yield file


@dataclass(frozen=True, slots=True)
class View:
    """`checkpoint` is None where there is none to be trusted. `parts` are in order of offsets."""

    paths: PartitionPaths
    checkpoint: Checkpoint | None
    parts: tuple[Part, ...]
    removals: tuple[Removal, ...]

    @property
    def end(self) -> int:
        """The first offset that is not committed."""
        return self.checkpoint.next_offset if self.checkpoint else 0

    @property
    def removed_rows(self) -> int:
        return sum(removal.rows for removal in self.removals)

    def was_removed(self, offset: int) -> bool:
        """Whether rows around `offset` were removed on purpose."""
        return any(removal.first_offset <= offset <= removal.last_offset for removal in self.removals)

    def is_stale(self) -> bool:
        """Whether the store's maintenance took rows out since."""
        return removals_of(self.paths) != self.removals


@contextmanager
def open_view(paths: PartitionPaths, findings: Findings) -> Iterator[View]:
    """The partition as it is now, whatever its feeder goes on to do; what is wrong with it goes to `findings`.

    Raises OSError.
    """
    with ExitStack() as files:
        checkpoint, parts = _look(paths, findings, files)
        yield View(paths, checkpoint, tuple(sorted(parts, key=lambda part: part.first_offset)), removals_of(paths))


def removals_of(paths: PartitionPaths) -> tuple[Removal, ...]:
    """In order of time, with all that was missing in a look at the files before this. Raises OSError."""
    # Read before the list, for from there it goes to the list.
    unlisted = JobFile(paths.root).unlisted()
    removals = dict.fromkeys((*read_removals(paths.root, paths.topic), *unlisted))
    return tuple(one for one in removals if (one.topic, one.partition) == (paths.topic, paths.partition))


def check_slots(path: Path, findings: Findings) -> None:
    """Both slots of the checkpoint are valid or were never written. A slot that is being written is looked at again."""
    bad: set[int] = set()
    for _ in range(_TRIES):
        bad = damaged_slots(path)
        if not bad:
            return
    if len(bad) == 2:
        text = "neither slot is valid: what is committed is unknown. Restore the file from a backup."
    else:
        text = f"slot {min(bad)} is not valid; the other one counts. If nothing else is wrong, the feeder mends it."
    findings.fault("checkpoint", path, text)


def _look(paths: PartitionPaths, findings: Findings, files: ExitStack) -> tuple[Checkpoint | None, list[Part]]:
    """Checkpoint and segments of the same moment: none was closed in between. The active one is in `files`."""
    for _ in range(_TRIES):
        checkpoint, closed = _closed_at_once(paths, findings)
        active = checkpoint.active if checkpoint else None
        if not checkpoint or not active or active.first_offset in {part.first_offset for part in closed}:
            return checkpoint, closed
        path, last = paths.state / active.name, checkpoint.next_offset - 1
        # It may be closed before it is opened.
        with suppress(FileNotFoundError):
            file = files.enter_context(path.open("rb"))
            part = Part(path, active.date, active.first_offset, last, active.committed_bytes, file)
            return checkpoint, [*closed, part]
    findings.fault("missing", path, "the active segment is not there. Restore it from a backup.")
    return checkpoint, closed


def _closed_at_once(paths: PartitionPaths, findings: Findings) -> tuple[Checkpoint | None, list[Part]]:
    """Checkpoint and closed segments of the same moment."""
    for _ in range(_TRIES):
        try:
            before = read_checkpoint(paths.checkpoint)
            closed = [
                Part(segment.path, segment.date, segment.first_offset, segment.last_offset, None)
                for segment in closed_segments(paths.root, paths.topic)
                if segment.partition == paths.partition
            ]
            after = read_checkpoint(paths.checkpoint)
        except (CorruptCheckpointError, msgspec.MsgspecError):
            return None, []
        if before == after or ((name := _active_name(before)) and name == _active_name(after)):
            break
    if before is None and closed:
        text = "the checkpoint is missing, and there are closed segments. Restore it from a backup."
        findings.fault("checkpoint", paths.checkpoint, text)
    return before, closed


def _active_name(checkpoint: Checkpoint | None) -> str | None:
    """None while it is being closed, and while there is none."""
    active = checkpoint.active if checkpoint else None
    return active.name if active and not active.closing_to else None
