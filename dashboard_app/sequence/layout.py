"""A day's rows of the index in the order of time: the file that says when each was, whose it is, and of which kind.

    header | hours | kinds | times | whos | kinds of rows

Rows are in the order (created_on, partition, offset). A *kind* is an event type and a source; the file has each once,
and for a row its place among them, in as few bytes as go. A row's time is kept as microseconds of its hour, and its
*who* is the number of its user, without one that of its device: which person that is may change, and a row's who never
does.
"""

import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
# An array whose items are of the type KIND.
Kinds = npt.NDArray[np.void]

# Numbers of the index's table of values, 0 where there is none.
KIND: Final = np.dtype([("event_type", "<u4"), ("source", "<u4")])
HOUR_US: Final = 3_600_000_000
_NUMBER: Final = np.dtype("<i8")
_TIME: Final = np.dtype("<u4")
_WHO: Final = np.dtype("<i4")
# The smallest that has a number for each kind.
_PLACES: Final = (np.dtype("u1"), np.dtype("<u2"), np.dtype("<u4"))
# How many hours, kinds and rows there are.
_HEADER_NUMBERS: Final = 3


class SequenceFile:
    """Reads one file. Raises OSError.

    `hours` are those that have rows, as hours since 1970, in order. The rows of `hours[n]` are those from `begins[n]`
    to before `begins[n + 1]`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            hours, kinds, self.rows = np.fromfile(file, _NUMBER, _HEADER_NUMBERS).tolist()
            self.hours: Numbers = np.fromfile(file, _NUMBER, hours)
            self.begins: Numbers = np.fromfile(file, _NUMBER, hours + 1)
            self.kinds: Kinds = np.fromfile(file, KIND, kinds)
            self._rows_at = file.tell()

    def read(self, first: int, end: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32], npt.NDArray[Any]]:
        """The times, whos and kinds of some rows; kinds are places in `kinds`. Raises OSError."""
        columns = []
        at = self._rows_at
        with self._path.open("rb") as file:
            for type_ in (_TIME, _WHO, _place_type(len(self.kinds))):
                file.seek(at + first * type_.itemsize)
                columns.append(np.fromfile(file, type_, end - first))
                at += self.rows * type_.itemsize
        times, whos, kinds = columns
        return times, whos, kinds


def write_sequence_file(path: Path, moments: Numbers, whos: npt.NDArray[np.int32], kinds: Kinds) -> None:
    """Write rows, which are in their order; `moments` are microseconds since 1970. The file is on disk.

    Raises OSError.
    """
    of_rows = moments // HOUR_US
    hours, begins = np.unique(of_rows, return_index=True)
    keys = kinds.view(np.uint64)
    different = np.unique(keys)
    with path.open("wb") as file:
        for numbers in ([len(hours), len(different), len(moments)], hours, [*begins.tolist(), len(moments)]):
            file.write(np.asarray(numbers, _NUMBER).data)
        file.write(different.view(KIND).tobytes())
        file.write((moments - of_rows * HOUR_US).astype(_TIME).data)
        file.write(whos.astype(_WHO, copy=False).data)
        file.write(np.searchsorted(different, keys).astype(_place_type(len(different))).data)
        file.flush()
        os.fsync(file.fileno())


def _place_type(kinds: int) -> "np.dtype[Any]":
    return next(type_ for type_ in _PLACES if kinds <= 1 << 8 * type_.itemsize)
