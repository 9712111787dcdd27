"""Every committed row as one CSV for people: closed segments first, then what is committed of the active ones."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO, Final, TextIO

from brokerlytics.csv_format import COLUMNS
from brokerlytics.store import Snapshot, open_snapshot
from brokerlytics.timestamps import format_timestamp

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_CREATED_ON: Final = COLUMNS.index("created_on")
_EVENT_TYPE: Final = COLUMNS.index("event_type")
_REVENUE: Final = COLUMNS.index("revenue")
# The longest cell is a JSON column; an event of another producer may be as large as Kafka lets it.
_LONGEST_CELL: Final = 64 * 1024 * 1024


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

    Memory stays at one row. `tell` is called with the number of bytes read so far.
    Raises CorruptCheckpointError; OSError when the store cannot be read or `out` not written.
    """
    csv.field_size_limit(_LONGEST_CELL)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    accepts, count = _acceptor(wanted), 0
    with open_snapshot(root, topic) as snapshot:
        for row in _rows(snapshot, tell):
            if accepts(row):
                writer.writerow(row if wanted.raw else _escaped(row))
                count += 1
    return count


def snapshot_bytes(root: Path, topic: str) -> int:
    """How many bytes an export reads."""
    with open_snapshot(root, topic) as snapshot:
        closed = sum(segment.path.stat().st_size for segment in snapshot.closed)
        return closed + sum(tail.committed_bytes for tail in snapshot.tails)


def _rows(snapshot: Snapshot, tell: Callable[[int], None]) -> Iterator[list[str]]:
    done = 0
    for segment in snapshot.closed:
        with segment.path.open(encoding="utf-8", newline="") as text:
            yield from _body(text)
        done += segment.path.stat().st_size
        tell(done)
    for tail in snapshot.tails:
        committed = io.BufferedReader(_Prefix(tail.file, tail.committed_bytes))
        with io.TextIOWrapper(committed, encoding="utf-8", newline="") as text:
            yield from _body(text)
        done += tail.committed_bytes
        tell(done)


def _body(text: TextIO) -> Iterator[list[str]]:
    rows = csv.reader(text, strict=True)
    next(rows, None)
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


class _Prefix(io.RawIOBase):
    """The first `length` bytes of a file."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stub's Buffer has no len()
        chunk = self._file.read(min(len(buffer), self._left))
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        return len(chunk)
