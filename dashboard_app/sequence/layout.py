"""A day's rows of the index in the order of time: the file that says when each was, whose, and what it had.

    header | times | whos | devices | kinds of rows | values of rows, by column | hours | kinds | values, by column

Rows are in the order (created_on, partition, offset). A row's time is kept as microseconds of its hour. Its *who* is
the number of its user, without one that of its device: which person that is may change, and a row's who never does. A
*kind* is an event type and a source; the file has each once, and for a row its place among them, in as few bytes as go.
So it has of each column whose values are counted the different values, and for a row the place of its own. Where all
rows have the same, no room is taken.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.rollup.layout import ROLLED_UP

Numbers = npt.NDArray[np.int64]
# Numbers of the index's table of values, 0 where there is none.
Values = npt.NDArray[np.uint32]
# An array whose items are of the type KIND.
Kinds = npt.NDArray[np.void]

KIND: Final = np.dtype([("event_type", "<u4"), ("source", "<u4")])
# What there is of each row beside the places of its values.
TIME, WHO, DEVICE, KIND_PLACE = "time", "who", "device", "kind"
# INDEX_VERSION goes up whenever they change.
VALUE_COLUMNS: Final = tuple(column for column in ROLLED_UP if column != "event_type")
HOUR_US: Final = 3_600_000_000
_NUMBER: Final = np.dtype("<i8")
_VALUE: Final = np.dtype("<u4")
_TYPES: Final[Mapping[str, "np.dtype[Any]"]] = {TIME: np.dtype("<u4"), WHO: np.dtype("<i4"), DEVICE: np.dtype("<i4")}
# The smallest that has a number for each place.
_PLACES: Final = (np.dtype("u1"), np.dtype("<u2"), np.dtype("<u4"))
# How many rows, hours and kinds there are, and values of each column.
_HEADER_NUMBERS: Final = 3 + len(VALUE_COLUMNS)


class SequenceFile:
    """Reads one file. Raises OSError.

    `hours` are those that have rows, as hours since 1970, in order. The rows of `hours[n]` are those from `begins[n]`
    to before `begins[n + 1]`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self.rows, hours, kinds, *values = np.fromfile(file, _NUMBER, _HEADER_NUMBERS).tolist()
            self._value_counts: Mapping[str, int] = dict(zip(VALUE_COLUMNS, values, strict=True))
            counts = {KIND_PLACE: kinds, **self._value_counts}
            types = {**_TYPES, **{name: _place_type(count) for name, count in counts.items()}}
            sizes = [self.rows * type_.itemsize if type_ else 0 for type_ in types.values()]
            *begins, end = accumulate(sizes, initial=_HEADER_NUMBERS * _NUMBER.itemsize)
            self._columns = dict(zip(types, zip(begins, types.values(), strict=True), strict=True))
            file.seek(end)
            self.hours: Numbers = np.fromfile(file, _NUMBER, hours)
            self.begins: Numbers = np.fromfile(file, _NUMBER, hours + 1)
            self.kinds: Kinds = np.fromfile(file, KIND, kinds)
            self._values_at = file.tell()

    def read(self, names: Sequence[str], first: int, end: int) -> list[npt.NDArray[Any]]:
        """Columns of some rows: TIME, WHO and DEVICE, which is 0 without one; KIND_PLACE, the places in `kinds`; and of
        VALUE_COLUMNS the places in `values`. Raises OSError."""
        found = []
        with self._path.open("rb") as file:
            for name in names:
                at, type_ = self._columns[name]
                if type_ is None:
                    found.append(np.zeros(end - first, _PLACES[0]))
                    continue
                file.seek(at + first * type_.itemsize)
                found.append(np.fromfile(file, type_, end - first))
        return found

    def places(self, moments: Numbers) -> Numbers:
        """The place of the first row that is not before each of these microseconds since 1970. Raises OSError."""
        hours = moments // HOUR_US
        numbers = np.searchsorted(self.hours, hours)
        places = self.begins[numbers]
        within = (moments > hours * HOUR_US) & np.isin(hours, self.hours)
        for number in np.unique(numbers[within]).tolist():
            begin, end = self.begins[number : number + 2].tolist()
            (times,) = self.read((TIME,), begin, end)
            some = within & (numbers == number)
            places[some] = begin + np.searchsorted(times, moments[some] - self.hours[number] * HOUR_US)
        return places

    def values(self, column: str) -> Values:
        """The different values of one of VALUE_COLUMNS. Raises OSError."""
        place = VALUE_COLUMNS.index(column)
        before = sum(self._value_counts[name] for name in VALUE_COLUMNS[:place])
        return np.fromfile(
            self._path, _VALUE, self._value_counts[column], offset=self._values_at + before * _VALUE.itemsize
        )


def write_sequence_file(
    path: Path, moments: Numbers, numbers: Mapping[str, npt.NDArray[Any]], columns: Iterable[Values]
) -> None:
    """Write rows, which are in their order. The file is on disk. Raises OSError.

    Args:
        moments: microseconds since 1970.
        numbers: WHO and DEVICE, and the values of the columns of KIND.
        columns: the values of VALUE_COLUMNS, each asked for when the one before is written.
    """
    of_rows = moments // HOUR_US
    hours, begins = np.unique(of_rows, return_index=True)
    with path.open("wb") as file:
        file.write(bytes(_HEADER_NUMBERS * _NUMBER.itemsize))
        for name, column in {TIME: moments - of_rows * HOUR_US, WHO: numbers[WHO], DEVICE: numbers[DEVICE]}.items():
            file.write(column.astype(_TYPES[name], copy=False).data)
        kinds, places = _kinds(numbers["event_type"], numbers["source"])
        _write_places(places, len(kinds), file)
        different = []
        for some in columns:
            values, places = _divided(some)
            _write_places(places, len(values), file)
            different.append(values.astype(_VALUE))
        for array in (hours, np.append(begins, len(moments))):
            file.write(array.astype(_NUMBER, copy=False).data)
        file.write(kinds.tobytes())
        for one in different:
            file.write(one.data)
        file.seek(0)
        file.write(np.array([len(moments), len(hours), len(kinds), *map(len, different)], _NUMBER).data)
        file.flush()
        os.fsync(file.fileno())


def _place_type(count: int) -> "np.dtype[Any] | None":
    """Of places among so many; None where all rows have the same."""
    return next(type_ for type_ in _PLACES if count <= 1 << 8 * type_.itemsize) if count > 1 else None


def _write_places(places: Numbers, count: int, file: BinaryIO) -> None:
    if type_ := _place_type(count):
        file.write(places.astype(type_).data)


def _kinds(event_types: Values, sources: Values) -> tuple[Kinds, Numbers]:
    """The different kinds, and the place of each row's among them."""
    (types, of_types), (named, of_sources) = _divided(event_types), _divided(sources)
    different, places = _divided(of_types * len(named) + of_sources)
    kinds = np.empty(len(different), KIND)
    if len(different):
        kinds["event_type"], kinds["source"] = types[different // len(named)], named[different % len(named)]
    return kinds, places


def _divided(numbers: npt.NDArray[Any]) -> tuple[Numbers, Numbers]:
    """The different numbers, sorted, and the place of each among them. They are low: those of values count from 1."""
    places = np.zeros(int(numbers.max(initial=0)) + 1, np.int64)
    places[numbers] = 1
    different = np.flatnonzero(places)
    places[different] = np.arange(len(different))
    return different, places[numbers]
