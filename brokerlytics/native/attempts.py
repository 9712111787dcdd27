"""The attempts of a funnel, in C: what attempts.c and ties.c do, with numpy arrays."""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from brokerlytics.native.library import Library, declared

# The time of a step that was not reached: numpy's and DuckDB's "not a time".
NEVER: Final = -(2**63)
MAX_STEPS: Final = 8


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


class Counted(NamedTuple):
    """The attempt that counts of each person who starts, each in the same place of all arrays.

    `at` has a column for each step, NEVER for those beyond the `level`. `offset` and `partition` are those of the row
    that it began with, and not there unless they were asked for.
    """

    person: npt.NDArray[np.int64]
    level: npt.NDArray[np.int64]
    at: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64] | None = None
    partition: npt.NDArray[np.int64] | None = None


class Rules(NamedTuple):
    """Of `steps` steps; the others are within `window` after the first, which is before `end` (microseconds).

    `keeps_places` asks for the rows that attempts begin with.
    """

    steps: int
    window: int
    end: int
    keeps_places: bool


class _Batch(ctypes.Structure):
    _fields_ = [*((name, c_void_p) for name in Batch._fields), ("count", c_uint64)]


class _People(ctypes.Structure):
    _fields_ = [
        ("window", c_int64),
        ("end", c_int64),
        ("limit", c_uint64),
        ("known", c_void_p),
        ("counted", c_void_p),
        ("open", c_void_p),
        ("count", c_uint64),
        *((name, c_uint32) for name in ("steps", "part", "parts", "place")),
    ]


class NativeAttempts:
    """Follows the rows of one of 2 ** `parts` equal parts of all people: those with `part` in their lowest bits."""

    def __init__(self, library: Library, rules: Rules, people: int, part: int, parts: int) -> None:
        """`people` is above all numbers of people."""
        limit = (people >> parts) + 1
        self._steps, place = rules.steps, _place_words(rules)
        # What is first written to for those who start is no memory before.
        self._known = np.zeros(limit, np.uint32)
        self._counted = np.empty((limit, 2 + rules.steps + place), np.int64)
        self._open = np.empty(limit * _open_words(rules), np.int64)
        self._people = _People(
            *(rules.window, rules.end, limit),
            *(array.ctypes.data for array in (self._known, self._counted, self._open)),
            *(0, rules.steps, part, parts, place),
        )
        self._follow = declared(
            library.functions.follow_attempts, [POINTER(_People), POINTER(_Batch), c_uint64], c_int32
        )

    def follow(self, batches: Sequence[Batch]) -> None:
        """Follow these rows, in whatever order; all are later than those before. Raises MemoryError.

        Of a moment of which there are rows with partition and offset, those without do not count.
        """
        result = self._follow(self._people, _given(batches), len(batches))
        if result == 1:
            raise MemoryError
        if result:
            raise ValueError("A person is beyond the limit.")

    def counted(self) -> Counted:
        """What counts after the rows that were followed."""
        counted = self._counted[: self._people.count]
        end = 2 + self._steps
        # Offset and partition, if they are there.
        return Counted(counted[:, 0], counted[:, 1], counted[:, 2:end], *counted[:, end:].T)


def tied_moments(library: Library, batches: Sequence[Batch]) -> npt.NDArray[np.int64]:
    """When one person has rows that match different steps, so that their order matters. Raises MemoryError."""
    # What is not written to is no memory.
    tied = np.empty(sum(len(batch.at) for batch in batches) // 2, np.int64)
    find = declared(library.functions.tied_moments, [POINTER(_Batch), c_uint64, c_void_p], c_int64)
    count = find(_given(batches), len(batches), tied.ctypes.data)
    if count < 0:
        raise MemoryError
    return tied[:count]


def person_bytes(rules: Rules) -> int:
    """How much memory a person takes who starts."""
    return 4 + 8 * (2 + rules.steps + _place_words(rules) + _open_words(rules))


def _given(batches: Sequence[Batch]) -> "ctypes.Array[_Batch]":
    given = [
        _Batch(*(None if array is None else array.ctypes.data for array in batch), len(batch.at)) for batch in batches
    ]
    return (_Batch * len(given))(*given)


def _place_words(rules: Rules) -> int:
    return 2 if rules.keeps_places else 0


def _open_words(rules: Rules) -> int:
    return sum(step + _place_words(rules) for step in range(1, rules.steps))
