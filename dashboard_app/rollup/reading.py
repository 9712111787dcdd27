"""The groups of any range, from the rollups of all days, and the members of groups.

A group has its devices once, and groups have them in common: so sets are put together and counted, never the counts
of sets added.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from dashboard_app.rollup.covering import Cover, Pieces
from dashboard_app.rollup.layout import Groups, Members, Numbers, RollupFile, concatenated

# So many bytes of the mapped files become memory of the process before they are given back. Of what is read the kernel
# may map the large page around it.
_MAPPED: Final = 64 * 1024**2
_LARGE_PAGE: Final = 2 * 1024**2


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A day of the index: its rollup, its rows, and whether some of their spans have another session now."""

    date: str
    rollup: RollupFile
    rows: Path
    is_touched: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Groups, with the number of the file and of the bucket of each."""

    groups: Groups
    files: Numbers
    buckets: Numbers

    def __getitem__(self, choice: npt.NDArray[np.generic]) -> "Chosen":
        return Chosen(self.groups[choice], self.files[choice], self.buckets[choice])


class Rollups:
    """The rollups of the days of the index that count."""

    def __init__(self, files: Sequence[IndexedFile]) -> None:
        self.files = files
        self._firsts = np.array([file.rollup.first for file in files])
        self._lasts = np.array([file.rollup.last for file in files])

    @property
    def span_limit(self) -> int:
        """Is above the numbers of all spans, and so of all sessions."""
        return 1 + max(int(file.rollup.spans()[-1]) for file in self.files)

    def choose(self, part: str, cover: Cover, source: int | None) -> Chosen:
        """The groups of what is covered, of one source if one is given."""
        days = cover.days.overlap(self._firsts, self._lasts)
        slots = cover.slots.overlap(self._firsts, self._lasts)
        by_day = _chosen(days, [self.files[n].rollup.by_day(part) for n in days], cover.days, source)
        by_slot = _chosen(slots, [self.files[n].rollup.by_slot(part) for n in slots], cover.slots, source)
        return Chosen(
            concatenated([by_day.groups, by_slot.groups]),
            np.concatenate([by_day.files, by_slot.files]),
            np.concatenate([by_day.buckets, by_slot.buckets]),
        )

    def members(self, chosen: Chosen, keys: Numbers, count: int) -> Iterator[list[tuple[int, Members]]]:
        """For each key from 0 to `count`, pieces of the members of its groups, with the number of the file of each.

        They take little memory if those of a key are not kept when the next ones are asked for.
        `keys` has the key of each group, -1 for those that are not asked for.
        """
        order = np.argsort(keys, kind="stable")
        order = order[np.searchsorted(keys[order], 0) :]
        keys, files = keys[order], chosen.files[order]
        begins = chosen.groups["begin"][order].astype(np.int64)
        ends = begins + chosen.groups["members"][order]
        # Neighbours in the file are one piece.
        is_next = np.zeros(len(order), bool)
        is_next[1:] = (begins[1:] == ends[:-1]) & (files[1:] == files[:-1]) & (keys[1:] == keys[:-1])
        first = np.flatnonzero(~is_next)
        last = np.append(first[1:], len(order)) - 1 if len(first) else first
        of_key = np.searchsorted(keys[first], np.arange(count + 1)).tolist()
        runs = list(zip(files[first].tolist(), begins[first].tolist(), ends[last].tolist(), strict=True))
        mapped, touched = 0, set[int]()
        for key in range(count):
            pieces = [
                (file, self.files[file].rollup.members[begin:end])
                for file, begin, end in runs[of_key[key] : of_key[key + 1]]
            ]
            yield pieces
            mapped += sum(max(members.nbytes, _LARGE_PAGE) for _, members in pieces)
            touched.update(file for file, _ in pieces)
            if mapped > _MAPPED:
                for file in touched:
                    self.files[file].rollup.forget()
                mapped, touched = 0, set()


def events_by(numbers: Numbers, chosen: Chosen, count: int) -> Numbers:
    """The events of the groups, added up for each of the numbers from 0 to `count`; `numbers` has a group's."""
    return np.bincount(numbers, chosen.groups["events"], minlength=count).astype(np.int64)


def _chosen(numbers: Numbers, groups: Sequence[Groups], pieces: Pieces, source: int | None) -> Chosen:
    every = concatenated(groups)
    files = np.repeat(numbers, [len(some) for some in groups])
    buckets = pieces.bucket_of(every["slot"])
    chosen = buckets >= 0 if source is None else (buckets >= 0) & (every["source"] == source)
    if chosen.all():
        return Chosen(every, files, buckets)
    return Chosen(every[chosen], files[chosen], buckets[chosen])
