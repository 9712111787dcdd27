"""The rows of a segment, checked byte by byte: their width and quoting, their times, numbers and JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from brokerlytics.csv_format import HEADER
from feeder_app.verify.row_pattern import ANY_ROW, ROW, ROWS, fault_of, next_row

# What is taken apart at once stays in the processor's cache: with chunks of 4 MiB it takes a third longer.
CHUNK: Final = 128 * 1024
# What is longer has a quote that is never closed: Kafka's own bound on a record is 1 MB where nobody set another.
LONGEST_ROW: Final = 64 * 1024 * 1024


class _Object(msgspec.Struct):
    """Any JSON object: what is in it is read and left."""


_OBJECT: Final = msgspec.json.Decoder(_Object)
_OBJECT_LIST: Final = msgspec.json.Decoder(list[_Object])


@dataclass(frozen=True, slots=True)
class Rows:
    """Good rows one after another, from byte `start` of the file to before `end`; `content` begins with them."""

    start: int
    end: int
    content: bytes
    ids: tuple[bytes, ...]
    sources: tuple[bytes, ...]
    partitions: tuple[bytes, ...]
    offsets: list[int]

    def places(self) -> Iterator[tuple[int, int]]:
        """The byte in the file and the length of each row."""
        for row, _ in zip(ROW.finditer(self.content), self.offsets, strict=False):
            yield self.start + row.start(), row.end() - row.start()

    def texts(self) -> Iterator[bytes]:
        """The bytes of each row."""
        for row, _ in zip(ROW.finditer(self.content), self.offsets, strict=False):
            yield row[0]


@dataclass(frozen=True, slots=True)
class BadBytes:
    """What is no row of ours, from byte `start` of the file on."""

    start: int
    text: str


def scan(file: BinaryIO, length: int | None) -> Iterator[Rows | BadBytes]:
    """The rows of a segment and what is none, in order; `length` bytes of it, None for all.

    Memory is bounded by the longest row, and by LONGEST_ROW where the file is damaged. Raises OSError, and one of
    DAMAGED (brokerlytics/store.py) where a compressed file is damaged.
    """
    left = length
    position, rest, end = 0, b"", False
    head = _read(file, len(HEADER) if left is None else min(left, len(HEADER)))
    left = None if left is None else left - len(head)
    if head == HEADER:
        position = len(head)
    else:
        yield BadBytes(0, "the header is not the one of this version. Restore the file.")
        rest = head
    while not end:
        # A row that is longer than a chunk is not looked through once for each chunk of it.
        size = max(CHUNK, len(rest))
        chunk = _read(file, size if left is None else min(left, size))
        left = None if left is None else left - len(chunk)
        end = not chunk
        for found in _rows(rest + chunk, position, end=end):
            if isinstance(found, bytes):
                position += len(rest) + len(chunk) - len(found)
                rest = found
            else:
                yield found


def _read(file: BinaryIO, size: int) -> bytes:
    """As many bytes as there are up to `size`; decompressors may give fewer at once."""
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _rows(content: bytes, position: int, *, end: bool) -> Iterator[Rows | BadBytes | bytes]:
    """What is in `content`, at last the bytes that may begin a row of which more is to be read."""
    while content:
        found = ROWS.findall(content)
        rest = found.pop()[-1] if found[-1][-1] else b""
        if found:
            end_of_rows = position + len(content) - len(rest)
            yield from _checked(content, position, end_of_rows, found)
            position = end_of_rows
        if not rest or not (end or len(rest) > LONGEST_ROW or ANY_ROW.match(rest)):
            yield rest
            return
        yield BadBytes(position, fault_of(rest))
        skipped = next_row(rest)
        position, content = position + skipped, rest[skipped:]
    yield b""


def _checked(content: bytes, start: int, end: int, found: list[tuple[bytes, ...]]) -> Iterator[Rows | BadBytes]:
    ids, sources, properties, contexts, partitions, offsets, _ = zip(*found, strict=True)
    rows = Rows(start, end, content, ids, sources, partitions, list(map(int, offsets)))
    objects = [cell for cell in properties + contexts if cell]
    if not _are_objects(objects):
        pairs = zip(properties, contexts, strict=True)
        for (place, _), cells in zip(rows.places(), pairs, strict=True):
            if not all(_is_object(cell) for cell in cells if cell):
                yield BadBytes(place, "properties or context is no JSON object. Restore the file.")
    if not _is_utf8(content):
        for (place, _), text in zip(rows.places(), rows.texts(), strict=True):
            if not _is_utf8(text):
                yield BadBytes(place, "the row is not UTF-8. Restore the file.")
    yield rows


def _are_objects(cells: list[bytes]) -> bool:
    joined = b"[" + b",".join([cell[1:-1] for cell in cells]).replace(b'""', b'"') + b"]"
    try:
        return len(_OBJECT_LIST.decode(joined)) == len(cells)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _is_object(cell: bytes) -> bool:
    try:
        _OBJECT.decode(cell[1:-1].replace(b'""', b'"'))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
