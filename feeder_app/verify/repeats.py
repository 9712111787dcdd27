"""Which rows repeat an event: within what the feeder promises (seen_ids.py) a fault, beyond it allowed.

The rule is written down here a second time: a check that asked the feeder would believe it.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_BUCKETS: Final = 256


class Memory:
    """The events of one partition that the feeder knows, as 64-bit hashes: at most those of `2 * block` offsets."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._day = -1
        self._generations: dict[tuple[int, int], set[int]] = {}

    def remember(self, day: int, offset: int, identity: int) -> bool:
        """Remember a row, given in order of offsets. False: it repeats one that is known; nothing changes."""
        day, block = max(day, self._day), offset // self._block
        known = self._in_reach(day, block)
        if any(identity in generation for generation in known.values()):
            return False
        self._day, self._generations = day, known
        known.setdefault((day, block), set()).add(identity)
        return True

    def remember_all(self, day: int, offsets: Sequence[int], identities: Sequence[int]) -> list[int]:
        """`remember` for rows of one day: which of the offsets repeat an event."""
        first, last = offsets[0] // self._block, offsets[-1] // self._block
        cuts = [0, *(bisect_left(offsets, block * self._block) for block in range(first + 1, last + 1)), len(offsets)]
        repeats = []
        for start, end in pairwise(cuts):
            if start < end:
                repeats += self._remember_block(day, offsets[start:end], identities[start:end])
        return repeats

    def _remember_block(self, day: int, offsets: Sequence[int], identities: Sequence[int]) -> list[int]:
        highest, block = max(day, self._day), offsets[0] // self._block
        known, news = self._in_reach(highest, block), set(identities)
        if len(news) < len(identities) or not all(map(news.isdisjoint, known.values())):
            rows = zip(offsets, identities, strict=True)
            return [offset for offset, identity in rows if not self.remember(day, offset, identity)]
        self._day, self._generations = highest, known
        known.setdefault((highest, block), set()).update(news)
        return []

    def _in_reach(self, day: int, block: int) -> dict[tuple[int, int], set[int]]:
        return {key: known for key, known in self._generations.items() if key[0] >= day - 1 and key[1] >= block - 1}


class DayCount:
    """How many rows of one day repeat an event of it, however far apart: 8 bytes for each event of the day."""

    def __init__(self) -> None:
        self._day = -1
        self._buckets = _new_day()
        self._repeats = 0

    def add(self, day: int, identities: Sequence[int]) -> None:
        if day != self._day:
            self._close()
            self._day = day
        for identity in identities:
            self._buckets[identity % _BUCKETS].append(identity)

    def total(self) -> int:
        self._close()
        return self._repeats

    def _close(self) -> None:
        self._repeats += sum(len(bucket) - len(set(bucket)) for bucket in self._buckets)
        self._buckets = _new_day()


def _new_day() -> list["array[int]"]:
    return [array("q") for _ in range(_BUCKETS)]
