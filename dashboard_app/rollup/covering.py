"""Which slots of time lie wholly in one bucket, and so are taken from the rollups. Pure.

Times are minutes since 1970, UTC: ranges and buckets begin and end with a whole minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from dashboard_app.question.buckets import Bucket
from dashboard_app.rollup.layout import DAY, HOUR, QUARTER, Numbers

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of time [starts, ends) in their order, and the bucket of each."""

    starts: Numbers
    ends: Numbers
    buckets: Numbers

    def overlap(self, firsts: Numbers, lasts: Numbers) -> Numbers:
        """Which of the stretches that reach from `firsts` to `lasts` have a slot in any piece."""
        if not len(self.starts):
            return np.zeros(0, np.int64)
        place = np.searchsorted(self.starts, lasts, side="right") - 1
        return np.flatnonzero((place >= 0) & (self.ends[place] > firsts))

    def bucket_of(self, slots: Numbers) -> Numbers:
        """The bucket of each slot, -1 for those in no piece."""
        if not len(self.starts):
            return np.full(len(slots), -1)
        place = np.searchsorted(self.starts, slots, side="right") - 1
        return np.where((place >= 0) & (slots < self.ends[place]), self.buckets[place], -1)


@dataclass(frozen=True, slots=True)
class Cover:
    """`days` are whole days, `slots` the whole slots beside them; both lie wholly in their bucket.

    `partial` are the starts of the slots of `step` minutes that have a part in the buckets and are not covered.
    """

    step: int
    days: Pieces
    slots: Pieces
    partial: tuple[int, ...]

    @property
    def key(self) -> tuple[bytes, ...]:
        """The same for covers of the same slots in the same buckets."""
        pieces = (self.days, self.slots)
        return tuple(numbers.tobytes() for some in pieces for numbers in (some.starts, some.ends, some.buckets))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is covered."""
        return not len(self.days.starts) and not len(self.slots.starts)


def cover(buckets: Sequence[Bucket]) -> Cover:
    """What is covered of these buckets, which follow each other, by slots of an hour if those go into the buckets.

    Only the range of all may begin and end within an hour, or else slots of a quarter are taken.
    """
    edges = {bucket.end for bucket in buckets} - {buckets[-1].end}
    step = QUARTER if any(minutes(edge) % HOUR for edge in edges) else HOUR
    days: list[tuple[int, int, int]] = []
    slots: list[tuple[int, int, int]] = []
    partial: set[int] = set()
    for number, bucket in enumerate(buckets):
        start, end = minutes(bucket.start), minutes(bucket.end)
        if start == end:
            continue
        low, high = _up(start, step), end // step * step
        partial |= {edge // step * step for edge in (start, end) if edge % step}
        if low >= high:
            continue
        first_day, last_day = _up(low, DAY), high // DAY * DAY
        if first_day < last_day:
            days.append((first_day, last_day, number))
            slots += [(low, first_day, number), (last_day, high, number)]
        else:
            slots.append((low, high, number))
    return Cover(step, _pieces(days), _pieces(slots), tuple(sorted(partial)))


def minutes(moment: datetime) -> int:
    """Whole minutes since 1970."""
    return (moment - _EPOCH) // _MINUTE


def moment(minute: int) -> datetime:
    """As DuckDB's TIMESTAMP has it: UTC, without a zone."""
    return (_EPOCH + minute * _MINUTE).replace(tzinfo=None)


def _up(minute: int, step: int) -> int:
    return -(-minute // step) * step


def _pieces(found: Sequence[tuple[int, int, int]]) -> Pieces:
    pieces = sorted(piece for piece in found if piece[0] < piece[1])
    starts, ends, buckets = np.array(pieces, np.int64).reshape(-1, 3).T
    return Pieces(starts, ends, buckets)
