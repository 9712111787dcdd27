"""The index: a columnar copy of the closed segments, derived from them and never believed over them.

    index/events/MANIFEST                            which files count, and which segments they were made of
    index/events/LOCK                                held by the one builder
    index/events/rows-2026-08-22-00000007.parquet    the rows of a day, with person and session
    index/events/spans-2026-08-22-00000007.parquet   the stretches of that day that sessions are put together from
    index/events/amounts-2026-08-22-00000007.parquet  those rows of that day that have a revenue
    index/events/links-00000007.parquet              which device named which user, each day
    index/events/aliases-00000007.parquet            which users aliases join
    index/events/names-00000007.parquet              the numbers that stand for devices and users everywhere else
    index/events/rollup-2026-08-22-00000007.bin      that day's rows counted beforehand, with the devices of each count
    index/events/facts-2026-08-22-00000007.bin       what is kept of each of that day's spans, as numbers
    index/events/sequence-2026-08-22-00000007.bin    when each row of that day was, whose, and what it had
    index/events/values-00000007.parquet             the numbers that stand for values of columns there
    index/events/revenues-00000007.parquet           the sums of revenue by source, currency and quarter of an hour

`events` is the topic, the number the generation that wrote the file. A file never changes; a new generation writes new
files, then the manifest in one step, and removes what no longer counts.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

# Goes up whenever the files' columns or their meaning change: what an older version wrote is built anew.
INDEX_VERSION: Final = 9
_DATE_LENGTH: Final = len("2026-08-22")


class SegmentStamp(msgspec.Struct, frozen=True, order=True):
    """Tells a closed segment from any other file that its name had or will have."""

    name: str
    size: int
    inode: int
    mtime_ns: int


class FileStamp(msgspec.Struct, frozen=True):
    """A file of the index: its name below the topic's index, size in bytes, and CRC-32."""

    name: str
    size: int
    crc: int


class IndexedDay(msgspec.Struct, frozen=True):
    """The rows of a day's segments: `rows` of them in one file; in others their spans, what is kept of these, their
    rollup, their sequence, and again those rows that have a revenue.

    A day of many rows has several of these, of some of its segments each; `date` is 2026-08-22 in the first, in the
    second 2026-08-22-2.
    """

    date: str
    segments: tuple[SegmentStamp, ...]
    file: FileStamp
    rows: int
    spans: FileStamp
    facts: FileStamp
    rollup: FileStamp
    sequence: FileStamp
    amounts: FileStamp

    @property
    def calendar_date(self) -> str:
        """The date of the segments' directory."""
        return self.date[:_DATE_LENGTH]

    @property
    def part(self) -> int:
        """Which of the day's parts it is, from 1."""
        return int(self.date[_DATE_LENGTH + 1 :] or 1)

    @property
    def sources(self) -> set[tuple[str, SegmentStamp]]:
        """The date and the stamp of each segment."""
        return {(self.calendar_date, segment) for segment in self.segments}

    @property
    def files(self) -> tuple[FileStamp, ...]:
        """Those without which the day is read from its CSV."""
        return self.file, self.facts, self.rollup, self.sequence, self.amounts


class Manifest(msgspec.Struct, frozen=True):
    """What counts. `last_span` and `last_who` are the highest numbers ever given to a span, and to a device or user."""

    version: int = INDEX_VERSION
    generation: int = 0
    last_span: int = 0
    last_who: int = 0
    days: tuple[IndexedDay, ...] = ()
    links: FileStamp | None = None
    aliases: FileStamp | None = None
    names: FileStamp | None = None
    values: FileStamp | None = None
    revenues: FileStamp | None = None

    @property
    def files(self) -> list[FileStamp]:
        """All files that count."""
        return [*(file for day in self.days for file in day.files), *self.tables]

    @property
    def tables(self) -> list[FileStamp]:
        """Those without which nothing is known of the others."""
        tables = (self.links, self.aliases, self.names, self.values, self.revenues)
        return [*(day.spans for day in self.days), *(file for file in tables if file)]


def index_dir(root: Path, topic: str) -> Path:
    """Where the index of `topic` is, in the store at `root`."""
    return root / "index" / topic


def read_manifest(directory: Path) -> Manifest:
    """What counts now; nothing when there is no manifest, or none that this version can read.

    An index whose tables are not all there counts for nothing but its generation, which never comes again. Raises
    OSError.
    """
    try:
        manifest = msgspec.json.decode((directory / "MANIFEST").read_bytes(), type=Manifest)
    except (FileNotFoundError, msgspec.MsgspecError):
        return Manifest()
    if manifest.version != INDEX_VERSION:
        return Manifest()
    if not all(is_whole(directory, table) for table in manifest.tables):
        return Manifest(generation=manifest.generation)
    return manifest


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Make `manifest` the one that counts; its files are on disk. Raises OSError."""
    new = directory / "MANIFEST.new"
    with new.open("wb") as file:
        file.write(msgspec.json.encode(manifest))
        file.flush()
        os.fsync(file.fileno())
    new.replace(directory / "MANIFEST")
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def is_whole(directory: Path, file: FileStamp) -> bool:
    """Whether the file is there in its full length. Its content is held against its checksum by the builder."""
    try:
        return (directory / file.name).stat().st_size == file.size
    except FileNotFoundError:
        return False


def stamp_segment(path: Path) -> SegmentStamp:
    """Raises OSError: FileNotFoundError when it was replaced meanwhile."""
    status = path.stat()
    return SegmentStamp(path.name, status.st_size, status.st_ino, status.st_mtime_ns)


def believable_days(directory: Path, manifest: Manifest, present: Iterable[tuple[str, SegmentStamp]]) -> set[str]:
    """The dates whose files are whole and were made of segments that are all there, as they were.

    `present` has the date and the stamp of every closed segment. Others of the day may have been added.
    """
    there = set(present)
    return {
        day.date
        for day in manifest.days
        if all(is_whole(directory, file) for file in day.files) and day.sources <= there
    }
