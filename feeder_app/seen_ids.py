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

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

_DIGEST_BYTES: Final = 14
_BUCKETS: Final = 1 << 13
_BUCKET: Final = _BUCKETS - 1


def identity_of(source: bytes, event_id: bytes) -> bytes:
    """What tells an event from others, in UTF-8. Neither part can hold a NUL."""
    return source + b"\0" + event_id


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
        return sum(len(generation) for generation in (self._newest, *self._older))

    def remember(self, identities: Iterable[bytes], offsets: Iterable[int], day: int) -> list[bool]:
        """Remember rows, and forget what is out of reach from there on. False: it repeats a row; nothing changes.

        Called for all records: it costs a microsecond each, half of it the digest's.
        """
        found = []
        buckets, older = self._newest.buckets, [generation.buckets for generation in self._older]
        for identity, offset in zip(identities, offsets, strict=True):
            # What is kept of an identity: nobody finds two with the same digest, not on purpose either.
            # Python's own hash differs between processes, and so do the buckets; what is in them does not.
            digest, number = blake2b(identity, digest_size=_DIGEST_BYTES).digest(), hash(identity) & _BUCKET
            if offset >= self._end or day > self._newest.day:
                found.append(self._begin(number, digest, day, offset // self._block))
                buckets, older = self._newest.buckets, [generation.buckets for generation in self._older]
                continue
            bucket = buckets[number]
            is_new = digest not in bucket
            for old in older:
                is_new = is_new and digest not in old[number]
            if is_new:
                bucket += digest
            found.append(is_new)
        return found

    def _begin(self, number: int, digest: bytes, day: int, block: int) -> bool:
        """Remember the first row of a new day or block."""
        day = max(day, self._newest.day)
        kept = [old for old in (self._newest, *self._older) if old.day >= day - 1 and old.block >= block - 1]
        if any(digest in old.buckets[number] for old in kept):
            return False
        self._newest, self._older = _Generation(day, block), kept
        self._newest.buckets[number] += digest
        self._end = (block + 1) * self._block
        return True


class _Generation:
    """The events of one day in one block, in buckets of digests one after another: 16 to 20 bytes an event.

    A set of bytes takes 105. Searching a bucket of 30 digests is one call; a match that is not aligned
    is as unlikely as two events with the same digest.
    """

    __slots__ = ("block", "buckets", "day")

    def __init__(self, day: int, block: int) -> None:
        self.day = day
        self.block = block
        self.buckets = [bytearray() for _ in range(_BUCKETS)]

    def __len__(self) -> int:
        return sum(map(len, self.buckets)) // _DIGEST_BYTES
