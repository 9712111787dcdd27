"""Event ids for rows that have none: the same file gives the same ids, however often it is read."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

_HASHES: Final = 4
_SEEN_BITS: Final = 2**29
_COUNTERS: Final = 2**22


class DerivedIds:
    """Ids from the source's name, what the row says, and its number among rows that say the same.

    Equal rows of one file get different ids. Columns in another order give the same id.
    """

    def __init__(self, source: str) -> None:
        # blake2b takes a key of at most 64 bytes.
        self._key = blake2b(source.encode(), digest_size=32).digest()
        self._occurrences = Occurrences()

    def of(self, row: Mapping[str, Any]) -> str:
        """The next row's id, as a UUID of version 8."""
        content = blake2b(msgspec.json.encode(row, order="deterministic"), key=self._key, digest_size=16).digest()
        if number := self._occurrences.before(content):
            content = blake2b(content + number.to_bytes(8, "big"), key=self._key, digest_size=16).digest()
        text = content.hex()
        return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-a{text[17:20]}-{text[20:]}"


class Occurrences:
    """How often something was seen before, in 80 MiB whatever is counted.

    The first time is told by a Bloom filter, the others by a count-min sketch. Either may count too
    many, never too few, and always the same for the same history; so the number grows with each time.
    """

    def __init__(self, seen_bits: int = _SEEN_BITS, counters: int = _COUNTERS) -> None:
        self._seen = bytearray(seen_bits // 8)
        self._seen_bits = seen_bits
        self._counts = memoryview(bytearray(4 * counters)).cast("I")
        self._counters = counters

    def before(self, digest: bytes) -> int:
        """How often these 16 bytes, a digest, were given before."""
        number = int.from_bytes(digest, "big")
        seen, size, known = self._seen, self._seen_bits, True
        for shift in range(0, 32 * _HASHES, 32):
            place = (number >> shift & 0xFFFFFFFF) % size
            if not seen[place >> 3] & (1 << (place & 7)):
                seen[place >> 3] |= 1 << (place & 7)
                known = False
        return self._count(number) if known else 0

    def _count(self, number: int) -> int:
        places = {(number >> shift & 0xFFFFFFFF) % self._counters for shift in range(0, 32 * _HASHES, 32)}
        for place in places:
            self._counts[place] += 1
        return min(self._counts[place] for place in places)
