"""The rows of a segment as bytes: where one ends, its offset, its first cells. Nothing of them is decoded."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

_CELL: Final = re.compile(rb'(?:"((?:[^"]|"")*)"|([^",]*)),')


def whole_rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Each row with its line end, whatever line ends stand inside quotes. `lines` begin with a row.

    Raises ValueError when the last row has no end.
    """
    parts: list[bytes] = []
    quoted = False
    for line in lines:
        if line.count(b'"') % 2:
            quoted = not quoted
        if quoted or parts:
            parts.append(line)
        if not quoted:
            if not line.endswith(b"\r\n"):
                raise ValueError("a row has no end")
            yield b"".join(parts) if parts else line
            parts.clear()
    if quoted:
        raise ValueError("a quote is not closed")


def offset_of(row: bytes) -> int:
    """The offset, a row's last cell. Raises ValueError."""
    return int(row[row.rindex(b",") + 1 :])


def leading_cells(row: bytes, count: int) -> list[bytes]:
    """The text of the first `count` cells. Raises ValueError for what is no row."""
    # Nearly always the first quote stands far behind them.
    cells = row.partition(b'"')[0].split(b",", count)
    return cells[:count] if len(cells) > count else _quoted_cells(row, count)


def _quoted_cells(row: bytes, count: int) -> list[bytes]:
    cells, position = [], 0
    for _ in range(count):
        cell = _CELL.match(row, position)
        if cell is None:
            raise ValueError("a cell is missing, or a quote is not closed")
        cells.append(cell[2] if cell[1] is None else cell[1].replace(b'""', b'"'))
        position = cell.end()
    return cells
