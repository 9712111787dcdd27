"""The rows of buckets of time, piece by piece, wherever in the files they are."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from dashboard_app.question.bucketing import microseconds
from dashboard_app.question.buckets import Bucket
from dashboard_app.sequence.layout import SequenceFile

# Rows that are read at once: their columns are in a core's cache, or nearly.
_ROWS: Final = 262_144


class Piece(NamedTuple):
    """Rows of a file, from the place `first` to before `end`, that are all in one bucket, by its number."""

    bucket: int
    file: SequenceFile
    first: int
    end: int

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.end - self.first


def pieces_of(files: Sequence[SequenceFile], buckets: Sequence[Bucket]) -> list[Piece]:
    """Every row of the buckets once, bucket after bucket. Raises OSError."""
    starts = np.array([microseconds(bucket.start) for bucket in buckets])
    ends = np.array([microseconds(bucket.end) for bucket in buckets])
    pieces = []
    for file in files:
        firsts, beyond = file.places(starts), file.places(ends)
        for bucket in np.flatnonzero(firsts < beyond).tolist():
            end = int(beyond[bucket])
            pieces += [
                Piece(bucket, file, first, min(first + _ROWS, end)) for first in range(int(firsts[bucket]), end, _ROWS)
            ]
    return sorted(pieces, key=lambda piece: piece.bucket)
