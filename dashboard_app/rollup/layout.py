"""A day's rows of the index, counted beforehand: the file that has the counts and the sets.

    header | members | groups by day | groups by slot | spans

A *group* is made of the rows that have one value of a column, one source, and a time within one slot. It has their
number, and its *members*: which devices they are of, each once, by number. Two further parts have a group for all rows
of a source and slot, whatever their values; the members of the last are spans instead, as places in the list at the
end of the file. Groups are in the order (part, value, source, slot), and members in the order of their groups by slot:
those of neighbouring groups, and so those of a group by day, are one piece of the file.
"""

import mmap
import os
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Members = npt.NDArray[np.uint32]
# An array whose items are of the type GROUP.
Groups = npt.NDArray[np.void]

# The columns whose values are counted. INDEX_VERSION goes up whenever they change.
ROLLED_UP: Final = (
    "event_type",
    "page_path",
    "referrer_host",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "country",
    "platform",
    "browser",
    "os",
    "device_type",
    "app_version",
)
EVERY_ROW: Final = "rows"
# The value that every row has there.
ANY: Final = 1
SPANS: Final = "spans"
PARTS: Final = (*ROLLED_UP, EVERY_ROW, SPANS)
# Minutes. Of what is drawn over time the slots are short, for midnight is at a quarter of an hour in some timezones.
QUARTER: Final = 15
HOUR: Final = 60
DAY: Final = 24 * HOUR
SLOTS: Final = {part: QUARTER if part in ("event_type", EVERY_ROW, SPANS) else HOUR for part in PARTS}
# `value` and `source` are numbers of the index's table of values, 0 where there is none; `slot` is its first minute
# since 1970; `begin` is the place of the first of `members` members.
GROUP: Final = np.dtype(
    [("value", "<u4"), ("source", "<u4"), ("slot", "<i4"), ("events", "<u4"), ("begin", "<u4"), ("members", "<u4")]
)
_MEMBER: Final = np.dtype("<u4")
_NUMBER: Final = np.dtype("<i8")
# The first and the last slot, how many members and spans, and where the groups of each part begin, by day and by slot.
_HEADER_NUMBERS: Final = 4 + 2 * len(PARTS) + 1
_HEADER_BYTES: Final = _HEADER_NUMBERS * _NUMBER.itemsize


class RollupFile:
    """Reads one file, which may be removed meanwhile: what is given are views of it.

    `first` and `last` are the slots of the first and the last row, as minutes since 1970; `members` are those of all
    groups. Raises OSError.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = np.frombuffer(self._content, _NUMBER, _HEADER_NUMBERS)
        self.first, self.last, members, self._span_count = (int(number) for number in header[:4])
        self._bounds: list[int] = header[4:].tolist()
        self._groups_at = _HEADER_BYTES + members * _MEMBER.itemsize
        self.members: Members = np.frombuffer(self._content, _MEMBER, members, _HEADER_BYTES)

    def by_day(self, part: str) -> Groups:
        """The groups of whole days, UTC; `slot` is the day's first minute."""
        return self._groups(PARTS.index(part))

    def by_slot(self, part: str) -> Groups:
        """The groups of slots of `SLOTS[part]` minutes."""
        return self._groups(len(PARTS) + PARTS.index(part))

    def spans(self) -> Numbers:
        """The numbers of the day's spans, sorted."""
        at = self._groups_at + self._bounds[-1] * GROUP.itemsize
        return np.frombuffer(self._content, _NUMBER, self._span_count, at)

    def forget(self) -> None:
        """What was read takes no memory of the process any more; the views go on, and read it again."""
        self._content.madvise(mmap.MADV_DONTNEED)

    def _groups(self, number: int) -> Groups:
        first, end = self._bounds[number], self._bounds[number + 1]
        return np.frombuffer(self._content, GROUP, end - first, self._groups_at + first * GROUP.itemsize)


class RollupWriter:
    """Writes one file: every part in the order of PARTS, then `finish`. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._file.write(bytes(_HEADER_BYTES))
        self._members = 0
        self._by_day: list[Groups] = []
        self._by_slot: list[Groups] = []

    def add(self, groups: Groups, members: Members) -> None:
        """The next part: its groups by slot, whose `begin` count from the part's first member."""
        groups["begin"] += self._members
        self._by_slot.append(groups)
        self._by_day.append(_days_of(groups))
        self._file.write(members.astype(_MEMBER, copy=False).data)
        self._members += len(members)

    def finish(self, first: int, last: int, spans: Numbers) -> None:
        """Write what is left, and the header at last; the file is on disk."""
        for groups in (*self._by_day, *self._by_slot):
            self._file.write(groups.tobytes())
        self._file.write(spans.astype(_NUMBER, copy=False).data)
        bounds = np.cumsum([0, *(len(groups) for groups in (*self._by_day, *self._by_slot))])
        header = np.array([first, last, self._members, len(spans), *bounds], _NUMBER)
        self._file.seek(0)
        self._file.write(header.data)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def starts_of_runs(*keys: npt.NDArray[np.generic]) -> Numbers:
    """The places at which any of the arrays, all of one length, has another item than before."""
    if not len(keys[0]):
        return np.zeros(0, np.int64)
    changes = reduce(np.logical_or, [key[1:] != key[:-1] for key in keys])
    return np.concatenate(([0], np.flatnonzero(changes) + 1))


def _days_of(groups: Groups) -> Groups:
    """The groups by slot put together by day."""
    days = groups["slot"] // DAY * DAY
    first = starts_of_runs(groups["value"], groups["source"], days)
    merged = groups[first].copy()
    if len(first):
        merged["slot"] = days[first]
        for name in ("events", "members"):
            merged[name] = np.add.reduceat(groups[name], first)
    return merged


def concatenated(groups: Sequence[Groups]) -> Groups:
    """All of them, one after the other."""
    return np.frombuffer(b"".join(some.data for some in groups), GROUP)
