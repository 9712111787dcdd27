"""How many different numbers the rows of each bucket and group have: several cores, each with some of the rows."""

import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from brokerlytics.native.groups import MOST_GROUPS, Counts, GroupMembers, Masks, Numbered
from brokerlytics.native.library import library

CORES: Final = min(4, os.cpu_count() or 1)
# For fewer rows a core is not worth what it has to know of all numbers.
_ROWS_OF_A_CORE: Final = 500_000


class Part(NamedTuple):
    """So many rows of one bucket, by its number from 0."""

    bucket: int
    rows: int
    load: Callable[[], Numbered]


class Different(NamedTuple):
    """How many different numbers there are in each bucket and group, and in each group of all buckets.

    `present` is a mask of the groups that have any row.
    """

    buckets: Counts
    total: Counts
    present: int


class _Found(NamedTuple):
    """What one core has found: `of_shared` has of buckets that others have rows of, too, the groups of each number."""

    counts: Counts
    of_all: Masks
    of_shared: dict[int, Masks]
    present: int


def count_all_different(parts: Sequence[Part], buckets: int, counts_for: Masks) -> Different:
    """Count the rows of some parts, which come bucket after bucket.

    `counts_for` has the groups that each number counts for, by number; numbers are below its length.
    Raises OSError, and ValueError when a number is not.
    """
    slices = _slices(parts)
    numbers = [sorted({part.bucket for part in some}) for some in slices]
    shared = {some[-1] for some, others in pairwise(numbers) if some[-1] == others[0]}
    with ThreadPoolExecutor(len(slices)) as pool:
        found = list(pool.map(partial(_count, buckets=buckets, counts_for=counts_for, shared=shared), slices))
    counts = reduce(np.add, [one.counts for one in found])
    for bucket in shared:
        counts[bucket] = _by_group(_joined([one.of_shared[bucket] for one in found if bucket in one.of_shared]))
    present = reduce(int.__or__, [one.present for one in found])
    return Different(counts, _by_group(_joined([one.of_all for one in found])), present)


def _slices(parts: Sequence[Part]) -> list[Sequence[Part]]:
    """One for each core, of about as many rows each."""
    sums = np.cumsum([part.rows for part in parts])
    total = int(sums[-1]) if len(sums) else 0
    cores = max(1, min(CORES, total // _ROWS_OF_A_CORE))
    edges = [0, *(int(np.searchsorted(sums, total * core // cores)) for core in range(1, cores)), len(parts)]
    return [parts[first:end] for first, end in pairwise(edges) if first < end] or [parts]


def _count(parts: Sequence[Part], *, buckets: int, counts_for: Masks, shared: Collection[int]) -> _Found:
    members = GroupMembers(library(), counts_for)
    counts = np.zeros((buckets, MOST_GROUPS + 1), np.uint64)
    of_shared, present = dict[int, Masks](), 0
    for place, part in enumerate(parts):
        # Of numbers that were in no bucket yet the bucket is 0.
        present |= members.count(part.load(), part.bucket + 1, counts[part.bucket])
        is_last = place + 1 == len(parts) or parts[place + 1].bucket != part.bucket
        if is_last and part.bucket in shared:
            of_shared[part.bucket] = members.of_bucket(part.bucket + 1)
    return _Found(counts[:, :MOST_GROUPS], members.of_all(), of_shared, present)


def _joined(masks: Sequence[Masks]) -> Masks:
    return reduce(np.bitwise_or, masks)


def _by_group(masks: Masks) -> Counts:
    """How many numbers are in each group."""
    return np.array([np.count_nonzero(masks & np.uint16(1 << group)) for group in range(MOST_GROUPS)], np.uint64)
