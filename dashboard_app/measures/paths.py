"""The ways that sessions take through the pages. docs/metrics.md defines what a step is. Pure but for texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.measures.commonest import commonest
from dashboard_app.measures.texts import Texts
from dashboard_app.measures.visits import Visits
from dashboard_app.rollup.layout import Numbers, starts_of_runs

TOP_PATHS: Final = 20
_HIGHEST: Final = 2**63 - 1
# Fibonacci hashing into slots: Knuth, The Art of Computer Programming 3, 6.4.
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(44)
_SLOTS: Final = 2**20
_MOST_LOAD: Final = 2**16
_FULL_SLOTS: Final = 16 * TOP_PATHS


@dataclass(frozen=True, slots=True)
class PathCount:
    """How many sessions begin with exactly these pages; fewer than asked for when they saw no more."""

    pages: tuple[str, ...]
    sessions: int


@dataclass(frozen=True, slots=True)
class Paths:
    """The commonest paths, and those that are as common as the last of them.

    Of each, how many sessions, and in a column its pages by number, 0 where there is none any more.
    """

    counts: Numbers
    pages: Numbers


def count_paths(visits: Sequence[Visits], limit: int) -> Paths:
    """By the first pages of sessions, of which all numbers are below `limit`. For any thread."""
    numbers = _PathNumbers(limit)
    keys, counts = _commonest_keys(numbers.keys([some.pages for some in visits]))
    return Paths(counts, numbers.pages(keys))


def name_paths(paths: Paths, texts: Texts) -> list[PathCount]:
    """The TOP_PATHS commonest, by number of sessions, then by name. Raises duckdb.Error."""
    numbers, places = np.unique(paths.pages, return_inverse=True)
    names = texts.texts(numbers)
    by_name = sorted(range(len(numbers)), key=lambda place: names[int(numbers[place])] or "")
    ranks = np.argsort(by_name)[places].reshape(paths.pages.shape)
    order = np.lexsort((*reversed(ranks), -paths.counts))[:TOP_PATHS]
    return [
        PathCount(tuple(name for number in pages if (name := names[number]) is not None), sessions)
        for pages, sessions in zip(paths.pages[:, order].T.tolist(), paths.counts[order].tolist(), strict=True)
    ]


def _commonest_keys(pieces: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """The TOP_PATHS commonest of the keys, and those that are as common as the last of them; how often each is there.

    To sort them costs most, and most are there once or twice. So all are counted by slot first, and those of the
    fullest slots are sorted: none of another slot can be there more often than its slot is full.
    """
    loads = np.zeros(_SLOTS, np.int64)
    for keys in pieces:
        np.add.at(loads, _slots(keys), 1)
    # How many slots have the highest load that is told apart, that or the one below, and so on.
    from_top = np.cumsum(np.bincount(np.minimum(loads, _MOST_LOAD))[::-1])
    full = len(from_top) - int(np.searchsorted(from_top, _FULL_SLOTS, "right"))
    is_full = loads >= full
    found, counts = _counted([keys[is_full[_slots(keys)]] for keys in pieces])
    if len(counts) < TOP_PATHS or counts.min() < full:
        found, counts = _counted(pieces)
    return found, counts


def _slots(keys: Numbers) -> Numbers:
    hashed = keys.view(np.uint64) * _MULTIPLIER
    hashed >>= _SHIFT
    return hashed.view(np.int64)


def _counted(pieces: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    keys = np.concatenate(pieces)
    keys.sort()
    begins = starts_of_runs(keys)
    counts = np.diff(begins, append=len(keys))
    found = commonest(counts, TOP_PATHS)
    return keys[begins[found]], counts[found]


class _PathNumbers:
    """Gives each way through some pages, which are numbers below `limit`, a number."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # For each page after the first, what the numbers of the pages before it stand for, if they were too high.
        self._steps: list[Numbers | None] = []

    def keys(self, pieces: Sequence[tuple[npt.NDArray[Any], ...]]) -> list[Numbers]:
        """The numbers of the ways, in pieces; each of `pieces` has the first pages of some, then the second ones."""
        firsts, *others = zip(*pieces, strict=True)
        keys = [first.astype(np.int64) for first in firsts]
        for column in others:
            stands_for = None
            if max(int(some.max(initial=0)) for some in keys) >= _HIGHEST // self._limit:
                stands_for, numbers = np.unique(np.concatenate(keys), return_inverse=True)
                keys = np.split(numbers, np.cumsum([len(some) for some in keys[:-1]]))
            self._steps.append(stands_for)
            for some, pages in zip(keys, column, strict=True):
                np.multiply(some, self._limit, out=some)
                np.add(some, pages, out=some)
        return [some[first != 0] for some, first in zip(keys, firsts, strict=True)]

    def pages(self, keys: Numbers) -> Numbers:
        """A row for the first pages of these ways, then one for the second, and so on."""
        columns = []
        for stands_for in reversed(self._steps):
            columns.append(keys % self._limit)
            keys = keys // self._limit if stands_for is None else stands_for[keys // self._limit]
        return np.stack([keys, *reversed(columns)])
