"""The rows of a segment, checked byte by byte: their width and quoting, their times, numbers and JSON.

One regular expression knows a whole row of ours, for to parse cells one by one takes three times as long.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from brokerlytics.csv_format import COLUMNS, HEADER
from brokerlytics.event import FIELDS, EventField

# What is taken apart at once stays in the processor's cache: with chunks of 4 MiB it takes a third longer.
CHUNK: Final = 128 * 1024
# What is longer has a quote that is never closed: Kafka's own bound on a record is 1 MB where nobody set another.
LONGEST_ROW: Final = 64 * 1024 * 1024

_QUOTED: Final = rb'"[^"]*+(?:""[^"]*+)*+"'
_TEXT: Final = rb'(?:[^",\r\n]++|' + _QUOTED + rb")?+"
_DATE: Final = rb"(?:19[7-9]\d|20\d\d)-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME: Final = _DATE + rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z"
_NUMBER: Final = rb"(?:-?\d++(?:\.\d++)?+(?:e-?\d++)?+)?+"
_CAPTURED: Final = ("event_id", "source")
_OBJECTS: Final = rb"(" + _QUOTED + rb"|)"


def _cell(field: EventField) -> bytes:
    match field.type:
        case "time":
            return _TIME
        case "number":
            return _NUMBER
        case "object":
            return _OBJECTS
        case _:
            return b"(" + _TEXT + b")" if field.name in _CAPTURED else _TEXT


# Captures event_id, source, properties, context, partition and offset.
_ROW_BYTES: Final = b",".join(map(_cell, FIELDS)) + rb",(\d++),(\d++)\r\n"
ROW: Final = re.compile(_ROW_BYTES)
# The second half takes all that follows the last row, so that nothing between two rows is passed over.
_ROWS: Final = re.compile(_ROW_BYTES + rb"|([\s\S]++)")
# A whole row as far as its quotes tell, whatever is in it.
_ANY_ROW: Final = re.compile(rb'(?:[^"\r]++|"[^"]*+"|\r(?!\n))*+\r\n')
_ANY_CELL: Final = re.compile(_TEXT)
_LINE_END: Final = re.compile(rb"\r\n")
_CELLS: Final = [(name, re.compile(_cell(field))) for name, field in zip(COLUMNS, FIELDS, strict=False)]


class _Object(msgspec.Struct):
    """Any JSON object: what is in it is read and left."""


_OBJECT: Final = msgspec.json.Decoder(_Object)
_OBJECT_LIST: Final = msgspec.json.Decoder(list[_Object])


@dataclass(frozen=True, slots=True)
class Rows:
    """Good rows one after another: `content` begins with them at byte `start` of the file."""

    start: int
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
        found = _ROWS.findall(content)
        rest = found.pop()[-1] if found[-1][-1] else b""
        if found:
            yield from _checked(content, position, found)
            position += len(content) - len(rest)
        if not rest or not (end or len(rest) > LONGEST_ROW or _ANY_ROW.match(rest)):
            yield rest
            return
        yield BadBytes(position, _fault_of(rest))
        skipped = _next_row(rest)
        position, content = position + skipped, rest[skipped:]
    yield b""


def _checked(content: bytes, position: int, found: list[tuple[bytes, ...]]) -> Iterator[Rows | BadBytes]:
    ids, sources, properties, contexts, partitions, offsets, _ = zip(*found, strict=True)
    rows = Rows(position, content, ids, sources, partitions, list(map(int, offsets)))
    objects = [cell for cell in properties + contexts if cell]
    if not _are_objects(objects):
        pairs = zip(properties, contexts, strict=True)
        for (start, _), cells in zip(rows.places(), pairs, strict=True):
            if not all(_is_object(cell) for cell in cells if cell):
                yield BadBytes(start, "properties or context is no JSON object. Restore the file.")
    if not _is_utf8(content):
        for (start, _), text in zip(rows.places(), rows.texts(), strict=True):
            if not _is_utf8(text):
                yield BadBytes(start, "the row is not UTF-8. Restore the file.")
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


def _next_row(rest: bytes) -> int:
    """Where the next good row begins in `rest`, which begins with none; its length when none follows."""
    for line_end in _LINE_END.finditer(rest):
        if ROW.match(rest, line_end.end()):
            return line_end.end()
    return len(rest)


def _fault_of(rest: bytes) -> str:
    """What is wrong with the row that `rest` begins with."""
    position = 0
    for number, (name, pattern) in enumerate(_CELLS, start=1):
        cell = pattern.match(rest, position)
        if cell is None or rest[cell.end() : cell.end() + 1] != b",":
            return _fault_of_cell(rest, position, number, name)
        position = cell.end() + 1
    return (
        f"the row does not end after its {len(COLUMNS)} cells with a partition, an offset and CRLF. Restore the file."
    )


def _fault_of_cell(rest: bytes, position: int, number: int, name: str) -> str:
    cell = _ANY_CELL.match(rest, position)
    end = cell.end() if cell else position
    after = rest[end : end + 2]
    if after[:1] == b"," and number <= len(FIELDS):
        return f"{name} is not well-formed. Restore the file."
    if after == b"\r\n":
        return f"the row has {number} cells; {len(COLUMNS)} belong there. Restore the file."
    if not after:
        return "the file ends within a row: bytes are missing. Restore the file."
    return f"{name} is not quoted as RFC 4180 wants it. Restore the file."
