"""What a row of ours looks like, as regular expressions, and what is wrong with one that does not.

One expression knows a whole row, for to parse cells one by one takes three times as long.
"""

import re
from typing import Final

from brokerlytics.csv_format import COLUMNS
from brokerlytics.event import FIELDS, EventField

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
ROWS: Final = re.compile(_ROW_BYTES + rb"|([\s\S]++)")
# A whole row as far as its quotes tell, whatever is in it.
ANY_ROW: Final = re.compile(rb'(?:[^"\r]++|"[^"]*+"|\r(?!\n))*+\r\n')
_ANY_CELL: Final = re.compile(_TEXT)
_LINE_END: Final = re.compile(rb"\r\n")
_CELLS: Final = [(name, re.compile(_cell(field))) for name, field in zip(COLUMNS, FIELDS, strict=False)]


def next_row(rest: bytes) -> int:
    """Where the next good row begins in `rest`, which begins with none; its length when none follows."""
    for line_end in _LINE_END.finditer(rest):
        if ROW.match(rest, line_end.end()):
            return line_end.end()
    return len(rest)


def fault_of(rest: bytes) -> str:
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
