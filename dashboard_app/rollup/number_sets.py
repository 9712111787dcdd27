"""Sets of numbers that are counted together with a few more: a bit for each number, or sorted where they are few."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.rollup.layout import Numbers, starts_of_runs

# Sorting a few numbers is quicker than looking through a flag for each that there is, and takes less room than bits.
_FEW: Final = 32


@dataclass(frozen=True, slots=True)
class NumberSet:
    """`count` different numbers: sorted, or where they are `packed` the bit of each from the number `base` on."""

    count: int
    content: npt.NDArray[Any]
    packed: bool = False
    base: int = 0

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.content.nbytes

    def count_with(self, others: npt.NDArray[Any]) -> int:
        """How many different numbers there are in the set and the array together."""
        others = different(others)
        return self.count + len(others) - int(np.count_nonzero(self._holds(others)))

    def _holds(self, numbers: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        if self.packed:
            places = numbers.astype(np.int64) - self.base
            held = (places >= 0) & (places < 8 * len(self.content))
            known = places[held]
            held[held] = (self.content[known >> 3] >> (known & 7)) & 1
            return held
        if not len(self.content):
            return np.zeros(len(numbers), bool)
        places = np.minimum(np.searchsorted(self.content, numbers), len(self.content) - 1)
        return np.asarray(self.content[places] == numbers)


class SetMaker:
    """Makes sets of numbers below `limit`, one after the other; `everything` has those of all."""

    def __init__(self, limit: int) -> None:
        self._flags = np.zeros(limit, bool)
        self._all = np.zeros(limit, bool)

    def make(self, numbers: Sequence[npt.NDArray[Any]]) -> NumberSet:
        """The different numbers of these arrays."""
        if sum(map(len, numbers)) * _FEW < len(self._flags):
            some = different(np.concatenate([np.zeros(0, np.uint32), *numbers]))
            self._all[some] = True
            return NumberSet(len(some), some)
        self._flags[:] = False
        for some in numbers:
            self._flags[some] = True
        self._all |= self._flags
        return packed(self._flags)

    def everything(self) -> NumberSet:
        """All numbers of the sets that were made."""
        return packed(self._all)


def number_set(found: Numbers) -> NumberSet:
    """The different ones of these numbers, however high they are."""
    low, high = (int(found.min()), int(found.max())) if len(found) else (0, 0)
    if len(found) * _FEW < high - low:
        some = different(found)
        return NumberSet(len(some), some)
    flags = np.zeros(high - low + 1, bool)
    flags[found - low] = True
    return packed(flags, low)


def different(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Each of the numbers once, sorted. Several times as quick as numpy.unique where there are many."""
    # Stable: what is put together from sorted pieces is merged.
    numbers = np.sort(numbers, kind="stable")
    return numbers[starts_of_runs(numbers)]


def packed(flags: npt.NDArray[np.bool_], base: int = 0) -> NumberSet:
    """The numbers from `base` on whose flags are set."""
    return NumberSet(int(np.count_nonzero(flags)), np.packbits(flags, bitorder="little"), packed=True, base=base)
