"""The attempts of a funnel, in C: what attempts.c does, with numpy arrays."""

import ctypes
from ctypes import POINTER, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from brokerlytics.native.division import DividedRows
from brokerlytics.native.library import Library, declared

# The time of a step that was not reached: numpy's and DuckDB's "not a time".
NEVER: Final = -(2**63)
MAX_STEPS: Final = 8


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
        self.part: Final = part
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
        self._follow = declared(library.functions.follow_attempts, [POINTER(_People), c_void_p, c_uint64], c_int32)

    def follow(self, rows: DividedRows) -> None:
        """Follow its part of these rows; all are later than those before. Raises MemoryError.

        Of a moment of which there are rows with partition and offset, those without do not count.
        """
        result = self._follow(self._people, rows.given, len(rows))
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


def person_bytes(rules: Rules) -> int:
    """How much memory a person takes who starts."""
    return 4 + 8 * (2 + rules.steps + _place_words(rules) + _open_words(rules))


def _place_words(rules: Rules) -> int:
    return 2 if rules.keeps_places else 0


def _open_words(rules: Rules) -> int:
    return sum(step + _place_words(rules) for step in range(1, rules.steps))
