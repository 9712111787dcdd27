"""Every committed row as one CSV for people: closed segments first, then what is committed of the active ones."""

import csv
import errno
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO, Final

from brokerlytics.csv_format import COLUMNS
from brokerlytics.store import DAMAGED, ClosedSegment, Snapshot, closed_segments, open_segment, open_snapshot
from brokerlytics.store_size import size_of
from brokerlytics.timestamps import format_timestamp

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_CREATED_ON: Final = COLUMNS.index("created_on")
_EVENT_TYPE: Final = COLUMNS.index("event_type")
_REVENUE: Final = COLUMNS.index("revenue")
# The longest cell is a JSON column; an event of another producer may be as large as Kafka lets it.
_LONGEST_CELL: Final = 64 * 1024 * 1024
_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """Which rows: `start` <= created_on < `end`, and one of `event_types`; None or empty for all.

    `raw` leaves cells as they are stored; else a cell that a spreadsheet would take for a formula
    gets an apostrophe in front.
    """

    start: datetime | None = None
    end: datetime | None = None
    event_types: frozenset[str] = frozenset()
    raw: bool = False


def export_rows(root: Path, topic: str, wanted: ExportFilter, out: IO[str], tell: Callable[[int], None]) -> int:
    """Write the header and every committed row that is wanted; returns how many rows.

    Memory stays at one row. `tell` is called with the number of bytes read so far. What maintenance
    rewrites meanwhile is read where it is then; a day that retention removes ends where it was.
    Raises CorruptCheckpointError; csv.Error for a damaged segment; OSError when the store cannot be read or `out`
    not written.
    """
    csv.field_size_limit(_LONGEST_CELL)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    accepts, count = _acceptor(wanted), 0
    with open_snapshot(root, topic) as snapshot:
        for row in _rows(root, snapshot, tell):
            if accepts(row):
                writer.writerow(row if wanted.raw else _escaped(row))
                count += 1
    return count


def snapshot_bytes(root: Path, topic: str) -> int:
    """How many bytes an export reads, compressed ones as they are; without what is replaced meanwhile."""
    with open_snapshot(root, topic) as snapshot:
        closed = sum(size_of(segment.path) or 0 for segment in snapshot.closed)
        return closed + sum(tail.committed_bytes for tail in snapshot.tails)


def _rows(root: Path, snapshot: Snapshot, tell: Callable[[int], None]) -> Iterator[list[str]]:
    done = 0
    for segment in snapshot.closed:
        size = size_of(segment.path) or 0
        yield from _rows_of(root, segment)
        done += size
        tell(done)
    for tail in snapshot.tails:
        yield from _body(tail.open())
        done += tail.committed_bytes
        tell(done)


def _rows_of(root: Path, segment: ClosedSegment) -> Iterator[list[str]]:
    """The rows of a segment, wherever they are by now: maintenance may have merged or compressed it."""
    file = _open_current(root, segment)
    try:
        for row in _body(file) if file else ():
            if segment.first_offset <= int(row[-1]) <= segment.last_offset:
                yield row
    except DAMAGED as error:
        raise csv.Error(f"{segment.path} is damaged: {error}. Restore it.") from error


def _open_current(root: Path, segment: ClosedSegment) -> BinaryIO | None:
    """The file that has the rows of `segment`, perhaps among others; None when they were removed with their day.

    Raises OSError.
    """
    for _ in range(_TRIES):
        try:
            return open_segment(segment.path)
        except FileNotFoundError:
            holder = next((other for other in closed_segments(root, segment.topic) if _holds(other, segment)), None)
            if holder is None:
                return None
            segment = holder
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(segment.path))


def _holds(other: ClosedSegment, segment: ClosedSegment) -> bool:
    same = (other.date, other.partition) == (segment.date, segment.partition)
    return same and other.first_offset <= segment.first_offset and segment.last_offset <= other.last_offset


def _body(file: BinaryIO) -> Iterator[list[str]]:
    with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        rows = csv.reader(text, strict=True)
        if next(rows, None) is None:
            raise EOFError("it has no header")
        yield from rows


def _acceptor(wanted: ExportFilter) -> Callable[[list[str]], bool]:
    # All times of the store have one format, so that their texts sort as they do.
    start = format_timestamp(wanted.start) if wanted.start else ""
    end = format_timestamp(wanted.end) if wanted.end else "~"
    types = wanted.event_types

    def accepts(row: list[str]) -> bool:
        return start <= row[_CREATED_ON] < end and (not types or row[_EVENT_TYPE] in types)

    return accepts


def _escaped(row: list[str]) -> list[str]:
    return [
        f"'{cell}" if cell.startswith(_FORMULA_STARTS) and index != _REVENUE else cell for index, cell in enumerate(row)
    ]
