"""What is kept of a day's spans, as numbers: a file of columns. No page reads it yet.

    header | one column after the other, each with a number for every span

Spans are in the order of their numbers. A file says nothing of persons and sessions, which may change; what it says
of a span never does.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.index.facts import FIRST_VALUES, PATH_PAGES

Column = npt.NDArray[Any]

# Texts are numbers of the index's table of values, 0 where there is none.
PAGE_COLUMNS: Final = (*(f"page_{number}" for number in range(1, PATH_PAGES + 1)), "exit_page")
TEXT_COLUMNS: Final = (*PAGE_COLUMNS, *FIRST_VALUES)
# Times are microseconds since 1970.
COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    **dict.fromkeys(("span", "first_on", "last_on"), np.dtype("<i8")),
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
        with self._path.open("rb") as file:
            return {name: self._column(file, name) for name in names}

    def _column(self, file: Any, name: str) -> Column:
        at = _NUMBER.itemsize
        for other, type_ in COLUMNS.items():
            if other == name:
                break
            at += self.spans * type_.itemsize
        file.seek(at)
        return np.fromfile(file, COLUMNS[name], self.spans)


def write_facts_file(path: Path, columns: Mapping[str, Column]) -> None:
    """Write all COLUMNS, whose items are in the order of `span`. The file is on disk. Raises OSError."""
    with path.open("wb") as file:
        file.write(np.array([len(columns["span"])], _NUMBER).data)
        for name, type_ in COLUMNS.items():
            file.write(columns[name].astype(type_, copy=False).data)
        file.flush()
        os.fsync(file.fileno())
