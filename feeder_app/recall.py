"""Remembering what a partition stored lately, from its files: the memory of an owner who was never there."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Final

from brokerlytics.checkpoint import Checkpoint
from brokerlytics.csv_format import COLUMNS
from brokerlytics.store import DAMAGED, PartitionPaths, files_of_days, open_segment
from feeder_app.digest_sets import digests_of
from feeder_app.errors import StoreDamagedError
from feeder_app.records import day_of_date
from feeder_app.seen_ids import SeenIds, identity_of
from feeder_app.segment_rows import leading_cells

_ID: Final = COLUMNS.index("event_id")
_SOURCE: Final = COLUMNS.index("source")
# Longer than all cells up to the source can be: 1,000 characters in UTF-8, quoted, and some times.
_WITHIN: Final = 8192
_OFFSETS: Final = re.compile(r"(?P<first>\d{20})-(?P<last>\d{20})\.csv(?:\.gz|\.zst)?")
_AT_ONCE: Final = 1000
# Maintenance may rewrite a day between the look at its names and the last file's opening.
_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class _Segment:
    """A closed segment, or the committed part of the active one: `size` bytes, None for all."""

    path: Path
    first_offset: int
    last_offset: int
    day: int
    size: int | None


def recall_ids(paths: PartitionPaths, checkpoint: Checkpoint, block: int) -> SeenIds:
    """What a writer remembers that has stored every row up to `checkpoint` itself.

    Only segments in reach are read. No close may be pending.
    Raises StoreDamagedError when a segment is no CSV of ours; OSError.
    """
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return _recall(paths, checkpoint, block)
    raise StoreDamagedError(f"{paths.data}: segments of {paths.topic}[{paths.partition}] vanish as they are read.")


def _recall(paths: PartitionPaths, checkpoint: Checkpoint, block: int) -> SeenIds:
    seen = SeenIds(block)
    first = (max(checkpoint.next_offset - 1, 0) // block - 1) * block
    for day, segment in _in_reach(paths, checkpoint, first):
        try:
            rows = (row for row in stored_identities(_lines(segment)) if row[0] >= first)
            while some := list(islice(rows, _AT_ONCE)):
                offsets, identities = zip(*some, strict=True)
                seen.remember(digests_of(identities), offsets, day)
        except (ValueError, *DAMAGED) as error:
            raise StoreDamagedError(f"{segment.path} holds a row that no feeder wrote. Restore it.") from error
    return seen


def stored_identities(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Offset and identity of the event of every row. `lines` are a segment's, the header first.

    Counting quotes tells where a row ends; Python's csv module takes three times as long.
    Raises ValueError for what is no row of a segment.
    """
    head, quoted = b"", False
    for line in islice(lines, 1, None):
        if not quoted:
            head = line
        elif len(head) < _WITHIN:
            head += line
        if line.count(b'"') % 2:
            quoted = not quoted
        if not quoted:
            if not line.endswith(b"\r\n"):
                raise ValueError("the last row is cut")
            yield int(line[line.rindex(b",") + 1 :]), _identity(head)
    if quoted:
        raise ValueError("a quote is not closed")


def _identity(row: bytes) -> bytes:
    cells = leading_cells(row, _SOURCE + 1)
    return identity_of(cells[_SOURCE], cells[_ID])


def _lines(segment: _Segment) -> Iterator[bytes]:
    """The committed lines of a segment."""
    left = segment.size
    with open_segment(segment.path) as file:
        for line in file:
            if left is not None:
                left -= len(line)
                if left < 0:
                    return
            yield line


def _in_reach(paths: PartitionPaths, checkpoint: Checkpoint, first: int) -> Iterator[tuple[int, _Segment]]:
    """Each segment that an id may be remembered from, with its day, in order of offsets.

    The days go up only: a late record that begins a segment of its own is of the newest day all the same.
    """
    segments = sorted(_segments(paths, checkpoint), key=lambda segment: segment.first_offset)
    days = list(accumulate((segment.day for segment in segments), max))
    for day, segment in zip(days, segments, strict=True):
        if day >= days[-1] - 1 and segment.last_offset >= first:
            yield day, segment


def _segments(paths: PartitionPaths, checkpoint: Checkpoint) -> Iterator[_Segment]:
    # Among all the closed segments of a topic these would be looked for in every partition's turn.
    prefix = f"{paths.topic}-p{paths.partition:04d}-"
    for path in files_of_days(paths.root):
        if path.name.startswith(prefix) and (offsets := _OFFSETS.fullmatch(path.name, len(prefix))):
            day = _day_of(path.parent.name.removeprefix("date="), path)
            yield _Segment(path, int(offsets["first"]), int(offsets["last"]), day, None)
    if active := checkpoint.active:
        path, last = paths.state / active.name, checkpoint.next_offset - 1
        yield _Segment(path, active.first_offset, last, _day_of(active.date, path), active.committed_bytes)


def _day_of(date: str, path: Path) -> int:
    try:
        return day_of_date(date)
    except ValueError as error:
        raise StoreDamagedError(f"{path}: {date!r} is not a date.") from error
