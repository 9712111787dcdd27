"""The events that a partition stored lately, so that one that was sent twice is stored once.

An event is known by its source and its `event_id`: two sources may count their orders from 1, or send the
same history, and neither can keep out the other's events.

What is remembered follows from the committed rows alone, never from this process or its clock: every
owner of the partition gives the same answer, before a crash and after it. An event is remembered

- by day: while its row's day is the newest of the partition or the one before it. A row's day is the
  newest UTC date that the records of the partition's rows had when it was stored, so that late records
  change nothing. That covers the last 24 hours, and up to 48;
- by offset: in the current block of offsets and the one before it, which bounds the memory.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from brokerlytics.native.library import DIGEST_BYTES
from feeder_app.digest_sets import DigestSet, new_set


def identity_of(source: bytes, event_id: bytes) -> bytes:
    """What tells an event from others, in UTF-8. Neither part can hold a NUL."""
    return source + b"\0" + event_id


@dataclass(slots=True)
class _Generation:
    """The events of one day in one block."""

    day: int
    block: int
    digests: DigestSet = field(default_factory=new_set)


class SeenIds:
    """The remembered events of one partition, at most those of `2 * block` offsets.

    `day` counts days since 1970, `offset` is the record's; rows are added in the order of offsets.
    """

    def __init__(self, block: int) -> None:
        self._block = block
        self._newest = _Generation(-1, -1)
        self._older: list[_Generation] = []
        # From this offset on another block begins.
        self._end = 0

    def __len__(self) -> int:
        return sum(len(generation.digests) for generation in (self._newest, *self._older))

    def remember(self, digests: bytes, offsets: Sequence[int], day: int) -> bytes:
        """Remember rows of one day, and forget what is out of reach from there on.

        Args:
            digests: those of the rows' identities (digest_sets.py), one behind the other.
            offsets: of the rows.

        A byte for each row. 0: it repeats another; then nothing changes.
        """
        is_new = bytearray()
        count = len(offsets)
        while (done := len(is_new)) < count:
            if offsets[done] >= self._end or day > self._newest.day:
                is_new += self._begin(_part(digests, done, done + 1), day, offsets[done] // self._block)
                continue
            stop = count if offsets[-1] < self._end else bisect_left(offsets, self._end, done)
            older = [generation.digests for generation in self._older]
            is_new += self._newest.digests.add_new(_part(digests, done, stop), older)
        return bytes(is_new)

    def _begin(self, digest: bytes, day: int, block: int) -> bytes:
        """Remember the first row of a new day or block, which begins when it repeats nothing."""
        day = max(day, self._newest.day)
        kept = [old for old in (self._newest, *self._older) if old.day >= day - 1 and old.block >= block - 1]
        begun = _Generation(day, block)
        is_new = begun.digests.add_new(digest, [old.digests for old in kept])
        if is_new[0]:
            self._newest, self._older = begun, kept
            self._end = (block + 1) * self._block
        return is_new


def _part(digests: bytes, start: int, stop: int) -> bytes:
    return digests[start * DIGEST_BYTES : stop * DIGEST_BYTES]
