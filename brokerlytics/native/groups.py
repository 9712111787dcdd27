"""Counting rows of a sequence by groups: what groups.c does, with numpy arrays; in numpy where it is not compiled."""

from ctypes import POINTER, Structure, byref, c_int64, c_uint16, c_uint64, c_void_p
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from brokerlytics.native.library import Library, declared

Masks = npt.NDArray[np.uint16]
Counts = npt.NDArray[np.uint64]

# Bits of a mask.
MOST_GROUPS: Final = 16
EVERY_GROUP: Final = (1 << MOST_GROUPS) - 1
# Of a number: the groups that it was in, those of the `bucket` that it was in last, and those that it counts for.
_MEMBER: Final = np.dtype([("all", "<u2"), ("now", "<u2"), ("bucket", "<u2"), ("counts_for", "<u2")])


class Coded(NamedTuple):
    """Rows: of each the place of its kind in a table, and that of its value where values are asked for."""

    kinds: npt.NDArray[Any]
    values: npt.NDArray[Any] | None = None


class Groups(NamedTuple):
    """A row is in those groups, one at most, that its kind and its value have both; None stands for every group.

    `persons` has the number for which one counts, where numbers do not count for themselves.
    """

    of_kinds: Masks
    of_values: Masks | None = None
    persons: npt.NDArray[np.int32] | None = None


class Numbered(NamedTuple):
    """Rows, the number of each, and their groups."""

    coded: Coded
    numbers: npt.NDArray[np.int32]
    groups: Groups


class _Coded(Structure):
    _fields_ = [
        *((name, c_void_p) for name in ("kinds", "values")),
        *((name, c_uint64) for name in ("kind_bytes", "value_bytes", "count")),
    ]


class _Groups(Structure):
    _fields_ = [
        *((name, c_void_p) for name in ("of_kinds", "of_values", "persons", "members")),
        *((name, c_uint64) for name in ("numbers", "limit")),
    ]


def count_rows(library: Library | None, coded: Coded, asked: npt.NDArray[np.bool_], counts: Counts) -> None:
    """Add the rows of the kinds that are `asked` to `counts`, by value; by kind where values are not asked for."""
    if library is None:
        chosen = asked[coded.kinds]
        of = coded.kinds if coded.values is None else coded.values
        counts += np.bincount(of[chosen], minlength=len(counts)).astype(np.uint64)
        return
    count = declared(library.functions.count_rows, [POINTER(_Coded), c_void_p, c_void_p])
    count(byref(_given(coded)), asked.ctypes.data, counts.ctypes.data)


class GroupMembers:
    """Which groups each number was in, while the rows of one bucket after the other are counted."""

    def __init__(self, library: Library | None, counts_for: Masks) -> None:
        """`counts_for` has the groups that each number counts for, by number; numbers are below its length."""
        self._members = np.zeros(len(counts_for), _MEMBER)
        self._members["counts_for"] = counts_for
        self._count = library and declared(
            library.functions.count_different,
            [POINTER(_Coded), c_void_p, POINTER(_Groups), c_uint16, c_void_p],
            c_int64,
        )

    def count(self, rows: Numbered, bucket: int, counts: Counts) -> int:
        """Add to `counts` how many of the numbers are in one of the groups for the first time in this bucket, from 1.

        `counts` has a place more than MOST_GROUPS. Returns a mask of the groups that any row is in, whatever its
        number counts for. Raises ValueError when a number is beyond all that there are.
        """
        if not self._count:
            return self._count_plainly(rows, bucket, counts)
        coded, numbers, groups = rows
        persons = len(self._members) if groups.persons is None else len(groups.persons)
        given = _Groups(*map(_address, groups), self._members.ctypes.data, persons, len(self._members))
        found: int = self._count(byref(_given(coded)), numbers.ctypes.data, byref(given), bucket, counts.ctypes.data)
        if found < 0:
            raise ValueError("A number is beyond all that there are.")
        return found

    def of_all(self) -> Masks:
        """The groups that each number was in, of those that it counts for."""
        return np.ascontiguousarray(self._members["all"])

    def of_bucket(self, bucket: int) -> Masks:
        """Those of the rows of this bucket, while no other was counted after it."""
        masks: Masks = np.where(self._members["bucket"] == bucket, self._members["now"], np.uint16(0))
        return masks

    def _count_plainly(self, rows: Numbered, bucket: int, counts: Counts) -> int:
        coded, numbers, groups = rows
        masks = groups.of_kinds[coded.kinds]
        if coded.values is not None and groups.of_values is not None:
            masks &= groups.of_values[coded.values]
        chosen = np.flatnonzero(masks)
        masks, numbers = masks[chosen], numbers[chosen]
        if groups.persons is not None:
            numbers = groups.persons[numbers]
        members, present = self._members, 0
        for group in range(MOST_GROUPS):
            mask = np.uint16(1 << group)
            different = np.unique(numbers[masks == mask])
            present |= int(mask) if len(different) else 0
            different = different[members["counts_for"][different] & mask > 0]
            now = np.where(members["bucket"][different] == bucket, members["now"][different], np.uint16(0))
            counts[group] += np.count_nonzero(now & mask == 0)
            members["now"][different] = now | mask
            members["bucket"][different] = bucket
            members["all"][different] |= mask
        return present


def _given(coded: Coded) -> _Coded:
    kinds, values = coded
    width = 0 if values is None else values.itemsize
    return _Coded(kinds.ctypes.data, _address(values), kinds.itemsize, width, len(kinds))


def _address(array: npt.NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data
