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

    def repeats(self, digest: bytes, day: int, offset: int) -> bool:
        """Whether the record at `offset` repeats a row. Changes nothing."""
        if not self._generations:
            return False
        oldest_day = max(day, self._generations[-1].day) - 1
        oldest_block = offset // self._block - 1
        return any(old.day >= oldest_day and old.block >= oldest_block and old.has(digest) for old in self._generations)

    def add(self, digest: bytes, day: int, offset: int) -> None:
        """Remember a row, and forget those that are out of reach from here on."""
        block = offset // self._block
        newest = self._generations[-1] if self._generations else None
        if newest is None or day > newest.day or block > newest.block:
            newest = self._begin(max(day, newest.day) if newest else day, block)
        newest.add(digest)

    def _begin(self, day: int, block: int) -> "_Generation":
        kept = [old for old in self._generations if old.day >= day - 1 and old.block >= block - 1]
        self._generations = [*kept, _Generation(day, block)]
        return self._generations[-1]


class _Generation:
    """The ids of one day in one block, in buckets of digests one after another: 16 to 20 bytes an id.

    A set of bytes takes 105. Searching a bucket of 30 digests is one call; a match that is not aligned
    is as unlikely as two ids with the same digest.
    """

    def __init__(self, day: int, block: int) -> None:
        self.day = day
        self.block = block
        self.count = 0
        self._buckets = [bytearray() for _ in range(_BUCKETS)]

    def has(self, digest: bytes) -> bool:
        return digest[2:] in self._buckets[digest[0] << 5 | digest[1] >> 3]

    def add(self, digest: bytes) -> None:
        self._buckets[digest[0] << 5 | digest[1] >> 3] += digest[2:]
        self.count += 1
