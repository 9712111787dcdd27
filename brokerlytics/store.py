"""The store's layout, and how a reader sees exactly the committed rows.

    data/date=2026-08-22/events-p0003-<first offset>-<last offset>.csv    closed segments, or .csv.gz, .csv.zst
    state/events-0003/CKPT                                               checkpoint
    state/events-0003/LOCK                                               held by the partition's one writer
    state/events-0003/events-p0003-<first offset>.e<epoch>.open          active segment
    state/events-0003/dead-letters.ndjson                                records that were no events
    state/feeders/<id>.json                                              heartbeats
    state/maintenance/                                                   the job that rewrites closed days
    index/events/                                                        derived from the segments: index_files.py

Offsets in names have 20 digits, so that names sort as offsets do.
"""

import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

import zstandard

from brokerlytics.checkpoint import Checkpoint, read_checkpoint
from brokerlytics.raw_files import FilePrefix, ZstdFile

_CLOSED: Final = re.compile(
    r"(?P<topic>.+)-p(?P<partition>\d{4,})-(?P<first>\d{20})-(?P<last>\d{20})\.csv(?:\.gz|\.zst)?"
)
# What reading a compressed segment raises whose bytes are not what was written.
DAMAGED: Final = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)
_SNAPSHOT_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class ClosedSegment:
    """A closed segment file: rows of the offsets from `first_offset` to `last_offset`, both in it.

    A path that was looked at may be gone when it is opened: maintenance rewrites whole days, each in one step.
    """

    path: Path
    topic: str
    partition: int
    first_offset: int
    last_offset: int

    @property
    def date(self) -> str:
        """YYYY-MM-DD, of the directory that it is in."""
        return self.path.parent.name.removeprefix("date=")


@dataclass(frozen=True, slots=True)
class Tail:
    """The committed part of an active segment: the first `committed_bytes` of `file`."""

    file: BinaryIO
    name: str
    partition: int
    committed_bytes: int

    def open(self) -> BinaryIO:
        """The committed bytes, from the first on. Closing it leaves `file` open."""
        self.file.seek(0)
        return io.BufferedReader(FilePrefix(self.file, self.committed_bytes))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every committed row of a topic, each in one file: closed segments and committed tails.

    `committed_at` is the time of the newest commit in it, None before the first.
    """

    closed: tuple[ClosedSegment, ...]
    tails: tuple[Tail, ...]
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartitionPaths:
    """Where one partition of a topic keeps its files below the store's root."""

    root: Path
    topic: str
    partition: int

    @property
    def state(self) -> Path:
        return self.root / "state" / f"{self.topic}-{self.partition:04d}"

    @property
    def checkpoint(self) -> Path:
        return self.state / "CKPT"

    @property
    def lock(self) -> Path:
        return self.state / "LOCK"

    @property
    def dead_letters(self) -> Path:
        return self.state / "dead-letters.ndjson"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def active_name(self, first_offset: int, epoch: int) -> str:
        return f"{self.topic}-p{self.partition:04d}-{first_offset:020d}.e{epoch}.open"

    def closed_name(self, date: str, first_offset: int, last_offset: int) -> str:
        """The name of a closed segment relative to `data`; `date` is YYYY-MM-DD."""
        return f"date={date}/{self.topic}-p{self.partition:04d}-{first_offset:020d}-{last_offset:020d}.csv"


def all_partitions(root: Path) -> list[PartitionPaths]:
    """The partitions of every topic that have state below `root`, in order of topic and number."""
    matches = (re.fullmatch(r"(.+)-(\d{4,})", name) for name in names_in(root / "state"))
    return [PartitionPaths(root, *key) for key in sorted((match[1], int(match[2])) for match in matches if match)]


def partitions_in(root: Path, topic: str) -> list[PartitionPaths]:
    """The partitions of `topic` that have state below `root`, in order."""
    return [paths for paths in all_partitions(root) if paths.topic == topic]


def open_segment(path: Path) -> BinaryIO:
    """The bytes of a closed segment as they were written, whatever it is compressed with.

    Raises OSError; reading raises one of DAMAGED as well.
    """
    match path.suffix:
        case ".gz":
            return cast("BinaryIO", gzip.open(path, "rb"))
        case ".zst":
            return io.BufferedReader(ZstdFile(path), 128 * 1024)
        case _:
            return path.open("rb")


def closed_segments(root: Path, topic: str) -> list[ClosedSegment]:
    """The closed segments of `topic`, in order of date, partition and offset. Raises OSError."""
    return [segment for segment in all_closed_segments(root) if segment.topic == topic]


def all_closed_segments(root: Path) -> list[ClosedSegment]:
    """The closed segments of every topic, in order of date, topic, partition and offset. Raises OSError."""
    found = ((path, _CLOSED.fullmatch(path.name)) for path in files_of_days(root))
    return [
        ClosedSegment(path, match["topic"], int(match["partition"]), int(match["first"]), int(match["last"]))
        for path, match in found
        if match
    ]


def files_of_days(root: Path) -> Iterator[Path]:
    """What is in the directories of all days, in order of date and name. Raises OSError."""
    for date in sorted(names_in(root / "data")):
        if date.startswith("date="):
            day = root / "data" / date
            yield from (day / name for name in sorted(names_in(day)))


def names_in(directory: Path) -> list[str]:
    """None where there is no such directory: retention may have removed a day since it was seen.

    Guarantee: a directory that was swapped out meanwhile, and perhaps emptied, is not taken for the day: it is listed
    again. Not by `Path.glob`, which takes a directory that may not be read for an empty one. Raises OSError.
    """
    try:
        while True:
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                names = os.listdir(fd)  # noqa: PTH208 (of what is open, wherever it is by now)
                if os.path.samestat(os.fstat(fd), directory.stat()):
                    return names
            finally:
                os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextmanager
def open_snapshot(root: Path, topic: str) -> Iterator[Snapshot]:
    """Every committed row of `topic`, no row twice, while a feeder goes on writing.

    Guarantee: a segment that is closed meanwhile is seen either as tail or as closed segment. For
    that the checkpoints are read first and the directory after them; a tail that has become a closed
    segment by then is dropped, and one that vanished in between starts the look again.

    Raises CorruptCheckpointError; OSError when the store cannot be read.
    """
    for _ in range(_SNAPSHOT_TRIES):
        with ExitStack() as files:
            try:
                snapshot = _look(root, topic, files)
            except FileNotFoundError:
                continue
            yield snapshot
            return
    raise FileNotFoundError(f"{root}: an active segment that its checkpoint names does not exist.")


def _look(root: Path, topic: str, files: ExitStack) -> Snapshot:
    partitions = partitions_in(root, topic)
    checkpoints = [(paths, checkpoint) for paths in partitions if (checkpoint := read_checkpoint(paths.checkpoint))]
    closed = closed_segments(root, topic)
    closed_starts = {(segment.partition, segment.first_offset) for segment in closed}
    tails = []
    for paths, checkpoint in checkpoints:
        active = checkpoint.active
        if active and (paths.partition, active.first_offset) not in closed_starts:
            file = files.enter_context((paths.state / active.name).open("rb"))
            tails.append(Tail(file, active.name, paths.partition, active.committed_bytes))
    return Snapshot(tuple(closed), tuple(tails), _newest_commit(checkpoint for _, checkpoint in checkpoints))


def _newest_commit(checkpoints: Iterator[Checkpoint]) -> datetime | None:
    return max((c.committed_at for c in checkpoints if c.committed_at), default=None)
