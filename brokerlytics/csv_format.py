"""The CSV contract: columns, header and rows of every segment file (RFC 4180, UTF-8, CRLF).

`docs/csv.md` says the same in prose; a test holds the two together.
"""

import csv
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from brokerlytics.event import FIELDS, Event
from brokerlytics.event_codec import encode_json
from brokerlytics.timestamps import format_timestamp

CSV_VERSION: Final = 1
COLUMNS: Final[tuple[str, ...]] = (*(field.name for field in FIELDS), "_partition", "_offset")
HEADER: Final[bytes] = (",".join(COLUMNS) + "\r\n").encode()
_TIMES: Final = [index for index, field in enumerate(FIELDS) if field.type == "time"]
_NUMBERS: Final = [index for index, field in enumerate(FIELDS) if field.type == "number"]
_OBJECTS: Final = [index for index, field in enumerate(FIELDS) if field.type == "object"]


def encode_row(event: Event, partition: int, offset: int) -> bytes:
    """One row with its line end. Depends on its arguments alone: the same record gives the same bytes.

    Raises InvalidEventError when `properties` or `context` cannot be written as JSON.
    """
    # An Event has its fields in the order of FIELDS; a ClientEvent has one more.
    cells: list[Any] = list(msgspec.structs.astuple(event)[: len(FIELDS)])
    for index in _TIMES:
        cells[index] = format_timestamp(cells[index])
    for index in _NUMBERS:
        if cells[index] is not None:
            cells[index] = number_cell(cells[index])
    for index in _OBJECTS:
        cells[index] = encode_json(cells[index]).decode() if cells[index] else None
    cells += (partition, offset)
    return encode_cells(cells)


def number_cell(number: float) -> str:
    """A number as its cell has it: whole ones without a fraction."""
    return repr(number).removesuffix(".0")


def encode_cells(cells: Iterable[Any]) -> bytes:
    """One RFC 4180 row of these cells, with its line end. None is an empty cell."""
    line: str = _WRITER.writerow(cells)
    return line.encode()


class _Line:
    """writerow() returns what its file's write() returns: here, the row itself."""

    def write(self, text: str) -> str:
        return text


_WRITER: Final[Any] = csv.writer(_Line(), lineterminator="\r\n")
