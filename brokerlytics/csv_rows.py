"""Many events from the topic into CSV rows at once, in C: many times as fast as one by one, and the same bytes.

What our own producer writes is *plain*: compact JSON that says everything itself, each value of the right type, times
in one of three forms. Whatever is not plain beyond doubt is not refused here, but left to `decode_event` and
`encode_row`, which have the rules.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from brokerlytics.native.library import DIGEST_BYTES, Library, library

# A value can double, and there is more to a row: commas, quotes, its partition and offset.
_MARGIN: Final = 256
_SCRATCH: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Rows:
    """Row n is `data[bounds[n]:bounds[n + 1]]`, empty for what is not plain. The data is there until the encoder's
    next call. `digests` has DIGEST_BYTES for each: those of the event's identity.
    """

    data: memoryview
    bounds: Sequence[int]
    digests: bytes
    all_plain: bool

    def row(self, index: int) -> memoryview:
        return self.data[self.bounds[index] : self.bounds[index + 1]]

    def is_plain(self, index: int) -> bool:
        return self.bounds[index] < self.bounds[index + 1]

    def parts(self, start: int, wanted: bytes) -> Iterator[memoryview]:
        """The rows from `start` on whose byte in `wanted` is not 0, with neighbours together."""
        for is_wanted, run in groupby(wanted) if 0 in wanted else [(1, wanted)]:
            stop = start + len(bytes(run))
            if is_wanted:
                yield self.data[self.bounds[start] : self.bounds[stop]]
            start = stop


class RowEncoder:
    """Encodes with the compiled library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._scratch = array("B", bytes(_SCRATCH))

    def encode(self, values: Sequence[bytes | None], partition: int, offsets: Sequence[int]) -> Rows:
        """The rows of a partition's records. `values` and `offsets` are as many."""
        count = len(values)
        try:
            joined = b"".join(values)  # type: ignore[arg-type]  # to look for None first would cost as much
        except TypeError:
            present = [value or b"" for value in values]
            joined, values = b"".join(present), present
        lengths, places = array("I", map(len, values)), array("q", offsets)  # type: ignore[arg-type]  # none is None
        room = 2 * len(joined) + count * _MARGIN
        if len(self._scratch) < room:
            self._scratch = array("B", bytes(room))
        bounds, digests = array("Q", bytes(8 * (count + 1))), array("B", bytes(DIGEST_BYTES * count))
        plain = self._library.encode_rows(
            joined,
            lengths.buffer_info()[0],
            places.buffer_info()[0],
            count,
            partition,
            rows=self._scratch.buffer_info()[0],
            capacity=room,
            ends=bounds.buffer_info()[0] + bounds.itemsize,
            digests=digests.buffer_info()[0],
        )
        return Rows(memoryview(self._scratch), bounds, digests.tobytes(), plain == count)


def row_encoder() -> RowEncoder | None:
    """None where the library is not compiled."""
    found = library()
    return None if found is None else RowEncoder(found)
