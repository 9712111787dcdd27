"""Sets of digests of events: compiled where a C compiler is there, else in Python, with the same answers."""

import os
from array import array
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Protocol, Self

from brokerlytics.native.library import DIGEST_BYTES, Library, library

_PYTHON_KEY: Final = os.urandom(16)
_BUCKETS: Final = 1 << 13
_FIRST_SLOTS: Final = 4096


class DigestSet(Protocol):
    """`digests` lie one behind the other, DIGEST_BYTES each."""

    def __len__(self) -> int: ...

    def add_new(self, digests: bytes, others: Sequence[Self]) -> bytes:
        """Add what neither this set nor one of the others has. A byte for each digest: 1 when it was added."""


def digests_of(texts: Sequence[bytes]) -> bytes:
    """What is kept of texts: DIGEST_BYTES each, with a key of this process.

    Nobody finds two texts with the same digest, not on purpose either, for the key is known to nobody.
    """
    native = library()
    if native is None:
        return b"".join(blake2b(text, digest_size=DIGEST_BYTES, key=_PYTHON_KEY).digest() for text in texts)
    lengths, digests = array("I", map(len, texts)), array("B", bytes(DIGEST_BYTES * len(texts)))
    native.digest_texts(b"".join(texts), lengths.buffer_info()[0], len(texts), digests.buffer_info()[0])
    return digests.tobytes()


def new_set() -> DigestSet:
    """An empty one."""
    native = library()
    return PythonSet() if native is None else NativeSet(native)


class NativeSet:
    """Slots in one array, at most three quarters of them taken: 16 to 24 bytes a digest."""

    def __init__(self, native: Library) -> None:
        self._native = native
        self._slots = _slots(_FIRST_SLOTS)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add_new(self, digests: bytes, others: Sequence[Self]) -> bytes:
        count = len(digests) // DIGEST_BYTES
        self._make_room(count)
        added, is_new = self._native.add_new([one.as_argument() for one in (self, *others)], digests, count)
        self._count += added
        return is_new

    def as_argument(self) -> tuple[int, int]:
        """Address and number of the slots."""
        return self._slots.buffer_info()[0], len(self._slots) // DIGEST_BYTES

    def _make_room(self, count: int) -> None:
        address, slots = self.as_argument()
        needed = (self._count + count) * 4 // 3 + 1
        if needed > slots:
            larger = _slots(max(needed, 3 * slots // 2))
            self._native.copy_set((address, slots), (larger.buffer_info()[0], len(larger) // DIGEST_BYTES))
            self._slots = larger


class PythonSet:
    """Buckets of digests one after another: 13 to 18 bytes a digest, where a set of bytes takes 105.

    Searching a bucket of 30 digests is one call; a match that is not aligned is as unlikely as two equal digests.
    """

    def __init__(self) -> None:
        self._buckets = [bytearray() for _ in range(_BUCKETS)]

    def __len__(self) -> int:
        return sum(map(len, self._buckets)) // DIGEST_BYTES

    def add_new(self, digests: bytes, others: Sequence[Self]) -> bytes:
        is_new = bytearray()
        for start in range(0, len(digests), DIGEST_BYTES):
            digest = digests[start : start + DIGEST_BYTES]
            number = int.from_bytes(digest[:2]) % _BUCKETS
            new = not any(digest in one.bucket(number) for one in (self, *others))
            if new:
                self._buckets[number] += digest
            is_new.append(new)
        return bytes(is_new)

    def bucket(self, number: int) -> bytearray:
        return self._buckets[number]


def _slots(count: int) -> "array[int]":
    return array("B", bytes(DIGEST_BYTES * count))
