"""What is kept of a day's spans of the index, as numbers: the file that sessions are counted from.

    header | one column after the other, each with a number for every span

Spans are in the order of their numbers, as in the day's rollup. A file says nothing of persons and sessions, which may
change; what it says of a span never does.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.index.facts import FIRST_VALUES, PAGES

Column = npt.NDArray[Any]
Columns = Mapping[str, Column]

PAGE_COLUMNS: Final = (*PAGES, "exit_page")
# Texts are numbers of the index's table of values, 0 where there is none.
TEXT_COLUMNS: Final = (*PAGE_COLUMNS, *FIRST_VALUES)
# Times are microseconds since 1970.
COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    **dict.fromkeys(("first_on", "last_on"), np.dtype("<i8")),
    **dict.fromkeys(("events", "acts", *TEXT_COLUMNS), np.dtype("<u4")),
}
_NUMBER: Final = np.dtype("<i8")


class FactsFile:
    """Reads one file, which has so many `spans`. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            (self.spans,) = np.fromfile(file, _NUMBER, 1).tolist()

    def read(self, names: Iterable[str]) -> dict[str, Column]:
        """Some of the COLUMNS. Raises OSError."""
        found: dict[str, Column] = {}
        with self._path.open("rb") as file:
            for name in names:
                before = sum(type_.itemsize for type_ in list(COLUMNS.values())[: list(COLUMNS).index(name)])
                file.seek(_NUMBER.itemsize + before * self.spans)
                found[name] = np.fromfile(file, COLUMNS[name], self.spans)
        return found


def write_facts_file(path: Path, pieces: Iterable[Columns]) -> None:
    """Write all COLUMNS of some spans, piece by piece in the order of their numbers. The file is on disk.

    Raises OSError.
    """
    pieces = list(pieces)
    with path.open("wb") as file:
        file.write(np.array([sum(len(piece["events"]) for piece in pieces)], _NUMBER).data)
        for name, type_ in COLUMNS.items():
            for piece in pieces:
                file.write(piece[name].astype(type_, copy=False).data)
        file.flush()
        os.fsync(file.fileno())
