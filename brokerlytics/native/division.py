"""Rows of a funnel divided by parts of the people, in C: what division.c does, with numpy arrays."""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, byref, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from brokerlytics.native.library import Library, declared


class Batch(NamedTuple):
    """Rows, each in the same place of all arrays.

    `at` is microseconds since 1970; `steps` has a bit for each step that the row matches, the first the lowest.
    `partition` and `offset` are the order of rows of the same time, and needed for those of `tied_moments`.
    """

    at: npt.NDArray[np.int64]
    person: npt.NDArray[np.int32]
    steps: npt.NDArray[np.uint8]
    partition: npt.NDArray[np.int32] | None = None
    offset: npt.NDArray[np.int64] | None = None


class Stored(NamedTuple):
    """Rows of a sequence: microseconds of their hours, users or devices, and places among the kinds.

    `hours` since 1970 are those that have rows, and the rows of each end at one of `ends`.
    """

    times: npt.NDArray[np.uint32]
    whos: npt.NDArray[np.int32]
    kinds: npt.NDArray[Any]
    hours: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


class _Stored(ctypes.Structure):
    _fields_ = [*((name, c_void_p) for name in ("times", "whos", "kinds")), ("kind_bytes", c_uint64)]


class _Question(ctypes.Structure):
    _fields_ = [
        *((name, c_void_p) for name in ("hours", "ends")),
        ("hour_count", c_uint64),
        ("since", c_int64),
        ("until", c_int64),
        *((name, c_void_p) for name in ("steps", "persons")),
        ("whos", c_uint64),
    ]


class _Columns(ctypes.Structure):
    _fields_ = [(name, c_void_p) for name in Batch._fields]


class _Divided(ctypes.Structure):
    _fields_ = [*_Columns._fields_, ("bounds", c_void_p), ("in_order", c_uint64)]


class Divided(NamedTuple):
    """The rows of `batch` part by part: those of part n are from `bounds[n]` to before `bounds[n + 1]`.

    `in_order` tells that those of each part are in the order of time, partition and offset.
    """

    batch: Batch
    bounds: npt.NDArray[np.uint64]
    in_order: bool


class DividedRows:
    """Some of these, as C takes them."""

    def __init__(self, library: Library, divided: Sequence[Divided]) -> None:
        self._divided: Final = divided
        self.given: Final = (_Divided * len(divided))(
            *(_Divided(*_addresses(one.batch), one.bounds.ctypes.data, one.in_order) for one in divided)
        )
        self._tied = declared(
            library.functions.tied_moments, [POINTER(_Divided), c_uint64, c_uint32, c_void_p], c_int64
        )

    def __len__(self) -> int:
        return len(self._divided)

    def tied_moments(self, part: int) -> npt.NDArray[np.int64]:
        """When one person of a part has rows that match different steps in an order that is not known.

        Raises MemoryError.
        """
        rows = sum(int(one.bounds[part + 1] - one.bounds[part]) for one in self._divided)
        tied = np.empty(rows // 2, np.int64)
        count = self._tied(self.given, len(self), part, tied.ctypes.data)
        if count < 0:
            raise MemoryError
        return tied[:count]


def choose_rows(  # noqa: PLR0913 (one array each)
    library: Library,
    stored: Stored,
    steps: npt.NDArray[np.uint8],
    persons: npt.NDArray[np.int32],
    *,
    since: int,
    until: int,
) -> Batch:
    """The rows of a sequence from `since` to before `until` (microseconds since 1970) that match a step.

    `steps` has those of each kind, `persons` the person of each who. Raises ValueError.
    """
    count = len(stored.times)
    at, person, chosen_steps = (
        np.empty(count + 1, np.int64),
        np.empty(count + 1, np.int32),
        np.empty(count + 1, np.uint8),
    )
    question = _Question(
        *(stored.hours.ctypes.data, stored.ends.ctypes.data, len(stored.hours), since, until),
        *(steps.ctypes.data, persons.ctypes.data, len(persons)),
    )
    arrays = (stored.times, stored.whos, stored.kinds)
    choose = declared(library.functions.choose_rows, [POINTER(_Stored), POINTER(_Question), *(c_void_p,) * 3], c_int64)
    chosen = choose(
        byref(_Stored(*(array.ctypes.data for array in arrays), stored.kinds.itemsize)),
        byref(question),
        *(array.ctypes.data for array in (at, person, chosen_steps)),
    )
    if chosen < 0:
        raise ValueError("A row is of nobody who is known.")
    return Batch(at[:chosen], person[:chosen], chosen_steps[:chosen])


def divide_rows(library: Library, batch: Batch, parts: int, *, in_order: bool) -> Divided:
    """The rows by 2 ** `parts` parts of the people: those with the same lowest bits.

    `in_order` tells that those of the batch are in the order of time, partition and offset.
    """
    divided = Batch(
        *(np.empty_like(batch.at), np.empty_like(batch.person), np.empty_like(batch.steps)),
        None if batch.partition is None else np.empty_like(batch.partition),
        None if batch.offset is None else np.empty_like(batch.offset),
    )
    bounds = np.empty((1 << parts) + 1, np.uint64)
    divide = declared(
        library.functions.divide_rows,
        [POINTER(_Columns), c_uint64, c_uint32, POINTER(_Columns), c_void_p],
    )
    rows, target = (_Columns(*_addresses(some)) for some in (batch, divided))
    divide(byref(rows), len(batch.at), parts, byref(target), bounds.ctypes.data)
    return Divided(divided, bounds, in_order)


def _addresses(batch: Batch) -> list[int | None]:
    return [None if column is None else column.ctypes.data for column in batch]
