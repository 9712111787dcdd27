"""The event ids that a partition stored lately, so that an event that was sent twice is stored once.

What is remembered follows from the committed rows alone, never from this process or its clock: every
owner of the partition gives the same answer, before a crash and after it. An id is remembered

- by day: while its row's day is the newest of the partition or the one before it. A row's day is the
  newest UTC date that the records of the partition's rows had when it was stored, so that late records
  change nothing. That covers the last 24 hours, and up to 48;
- by offset: in the current block of offsets and the one before it, which bounds the memory.
"""

from hashlib import blake2b
from typing import Final

_DIGEST_BYTES: Final = 16
_BUCKETS: Final = 1 << 13


def digest_of(event_id: bytes) -> bytes:
    """What is kept of an id in UTF-8: nobody finds two ids with the same digest, not on purpose either."""
    return blake2b(event_id, digest_size=_DIGEST_BYTES).digest()


class SeenIds:
    """The remembered ids of one partition, at most those of `2 * block` offsets.

    `day` counts days since 1970, `offset` is the record's; rows are added in the order of offsets.
    """

    def __init__(self, block: int) -> None:
        self._block = block
        self._generations: list[_Generation] = []

    def __len__(self) -> int:
        return sum(generation.count for generation in self._generations)

    def remember(self, digest: bytes, day: int, offset: int) -> bool:
        """Remember a row, and forget what is out of reach from there on. False: it repeats a row; nothing changes."""
        block = offset // self._block
        newest = self._generations[-1] if self._generations else None
        if newest is None or day > newest.day or block > newest.block:
            return self._begin(digest, max(day, newest.day) if newest else day, block)
        number, rest = digest[0] << 5 | digest[1] >> 3, digest[2:]
        for generation in self._generations:
            if rest in generation.buckets[number]:
                return False
        newest.buckets[number] += rest
        newest.count += 1
        return True

    def _begin(self, digest: bytes, day: int, block: int) -> bool:
        """Remember the first row of a new day or block."""
        number, rest = digest[0] << 5 | digest[1] >> 3, digest[2:]
        kept = [old for old in self._generations if old.day >= day - 1 and old.block >= block - 1]
        if any(rest in old.buckets[number] for old in kept):
            return False
        self._generations = [*kept, _Generation(day, block)]
        return self.remember(digest, day, block * self._block)


class _Generation:
    """The ids of one day in one block, in buckets of digests one after another: 16 to 20 bytes an id.

    A set of bytes takes 105. Searching a bucket of 30 digests is one call; a match that is not aligned
    is as unlikely as two ids with the same digest.
    """

    def __init__(self, day: int, block: int) -> None:
        self.day = day
        self.block = block
        self.count = 0
        self.buckets = [bytearray() for _ in range(_BUCKETS)]
