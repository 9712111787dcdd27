"""What is to become of the files of closed days: pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from brokerlytics.store import ClosedSegment, PartitionPaths

Compression = Literal["none", "gzip", "zstd"]
SUFFIXES: Final[Mapping[str, str]] = {"none": "", "gzip": ".gz", "zstd": ".zst"}


@dataclass(frozen=True, slots=True)
class MaintenancePolicy:
    """What an operator can set, and the rest.

    Neighbours are merged up to `merge_bytes`. A directory that was swapped out is emptied after `grace`: who has
    just opened it reads its names to the end.
    """

    compression: Compression = "none"
    keep_days: int | None = None
    merge_bytes: int = 256 * 1024 * 1024
    grace: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A new file `name` that takes the place of `sources`, which are in order of offsets."""

    name: str
    sources: tuple[ClosedSegment, ...]


def plan_rewrites(
    segments: Iterable[ClosedSegment], sizes: Mapping[Path, int], days: Mapping[str, object], policy: MaintenancePolicy
) -> dict[str, list[Rewrite]]:
    """What to rewrite in each of `days`.

    Args:
        segments: every closed segment of the store.
        sizes: the bytes of those that are not compressed.
        days: the days that may be rewritten.
        policy: what is wanted.

    What is compressed is finished: it is neither merged nor compressed again.
    """
    plan: dict[str, list[Rewrite]] = {}
    in_order = sorted(segments, key=lambda segment: (segment.topic, segment.partition, segment.first_offset))
    runs = groupby(in_order, lambda s: (s.topic, s.partition, s.date, s.path in sizes))
    for (_, _, day, plain), run in runs:
        if not plain or day not in days:
            continue
        for group in _groups(run, sizes, policy.merge_bytes):
            if len(group) > 1 or policy.compression != "none":
                plan.setdefault(day, []).append(Rewrite(_name(group, policy.compression), tuple(group)))
    return plan


def _groups(run: Iterator[ClosedSegment], sizes: Mapping[Path, int], merge_bytes: int) -> Iterator[list[ClosedSegment]]:
    """Neighbours that fit into one file."""
    group: list[ClosedSegment] = []
    total = 0
    for segment in run:
        if group and total + sizes[segment.path] > merge_bytes:
            yield group
            group, total = [], 0
        group.append(segment)
        total += sizes[segment.path]
    if group:
        yield group


def _name(group: list[ClosedSegment], compression: Compression) -> str:
    first, last = group[0], group[-1]
    paths = PartitionPaths(Path(), first.topic, first.partition)
    name = paths.closed_name(first.date, first.first_offset, last.last_offset)
    return Path(name).name + SUFFIXES[compression]
