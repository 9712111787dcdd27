"""Counting sessions by group: how many, how many events, how many bounces, and how long in the middle. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboard_app.measures.visits import Visits
from dashboard_app.rollup.layout import Numbers, starts_of_runs

Groups = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Numbers over some sessions. `median_length` is None where there is no session."""

    sessions: int = 0
    events: int = 0
    bounces: int = 0
    median_length: timedelta | None = None

    @property
    def events_per_session(self) -> Decimal | None:
        """Rounded to two places; None where there is no session."""
        return _ratio(self.events, self.sessions, 2)

    @property
    def bounce_rate(self) -> Decimal | None:
        """Percent, rounded to one place; None where there is no session."""
        return _ratio(100 * self.bounces, self.sessions, 1)


def count_all(visits: Sequence[Visits]) -> SessionCounts:
    """The numbers over all of them."""
    return SessionCounts(
        sessions=sum(len(some.lengths) for some in visits),
        events=sum(int(some.events.sum(dtype=np.int64)) for some in visits),
        bounces=sum(int(np.count_nonzero(some.bounces)) for some in visits),
        median_length=_median([some.lengths for some in visits]),
    )


def count_groups(visits: Sequence[Visits], groups: Sequence[Groups], count: int) -> list[SessionCounts]:
    """The numbers over each group below `count`, of which `groups` has one for each session; others do not count."""
    totals = np.zeros((3, count), np.int64)
    lengths: dict[int, list[npt.NDArray[Any]]] = defaultdict(list)
    for some, of_group in zip(visits, groups, strict=True):
        for number, weights in enumerate((None, some.events, some.bounces)):
            totals[number] += np.bincount(of_group, weights, count + 1)[:count].astype(np.int64)
        for group, its_lengths in _by_group(some.lengths, of_group):
            lengths[group].append(its_lengths)
    medians = [_median(lengths[group]) for group in range(count)]
    return [SessionCounts(*numbers) for numbers in zip(*totals.tolist(), medians, strict=True)]


def _by_group(lengths: npt.NDArray[Any], groups: Groups) -> list[tuple[int, npt.NDArray[Any]]]:
    """The lengths of each group that has any."""
    if not len(groups):
        return []
    if groups.min() == groups.max():
        return [(int(groups[0]), lengths)]
    # Short numbers are sorted by radix.
    order = np.argsort(groups, kind="stable")
    lengths, groups = lengths[order], groups[order]
    begins = starts_of_runs(groups)
    edges = pairwise([*begins.tolist(), len(groups)])
    return [(group, lengths[at:end]) for group, (at, end) in zip(groups[begins].tolist(), edges, strict=True)]


def _median(lengths: Sequence[npt.NDArray[Any]]) -> timedelta | None:
    """The mean of the two in the middle where their number is even."""
    count = sum(map(len, lengths))
    if not count:
        return None
    middle = sorted({(count - 1) // 2, count // 2})
    found: Numbers = np.partition(np.concatenate(lengths), middle)[middle]
    return int(found.sum(dtype=np.int64)) / len(middle) * timedelta(milliseconds=1)


def _ratio(part: int, whole: int, places: int) -> Decimal | None:
    return round(Decimal(part) / whole, places) if whole else None
