"""Which days are closed: no feeder has anything of them in hand."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from brokerlytics.checkpoint import Checkpoint, read_checkpoint
from brokerlytics.store import ClosedSegment, all_closed_segments, all_partitions

logger = logging.getLogger(__name__)

PartitionKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class StoreState:
    """What is in the store at one moment, of every topic: checkpoints, and closed segments in order of date and name.

    The checkpoints are older than the look at the segments.
    """

    checkpoints: Mapping[PartitionKey, Checkpoint]
    segments: tuple[ClosedSegment, ...]


def read_state(root: Path) -> StoreState:
    """Raises CorruptCheckpointError; OSError."""
    found = ((paths, read_checkpoint(paths.checkpoint)) for paths in all_partitions(root))
    checkpoints = {(paths.topic, paths.partition): checkpoint for paths, checkpoint in found if checkpoint}
    return StoreState(checkpoints, tuple(all_closed_segments(root)))


def closed_days(state: StoreState, now: datetime) -> dict[str, list[ClosedSegment]]:
    """The segments of each closed day.

    A day is closed when it is before today (UTC), no partition has an active segment or a pending close for it or for
    an earlier day, and its checkpoints know every row of it. A late record may still add a segment.
    """
    active = [checkpoint.active.date for checkpoint in state.checkpoints.values() if checkpoint.active]
    first_open = min([now.astimezone(UTC).date().isoformat(), *active])
    days = {}
    for day, segments in groupby(state.segments, lambda segment: segment.date):
        of_day = list(segments)
        if _is_date(day) and day < first_open and all(_is_committed(state, segment) for segment in of_day):
            days[day] = of_day
    return days


def expired_days(days: Mapping[str, list[ClosedSegment]], now: datetime, keep_days: int | None) -> list[str]:
    """Of the closed days those that are more than `keep_days` before today; None keeps all."""
    if keep_days is None:
        return []
    first_kept = (now.astimezone(UTC).date() - timedelta(days=keep_days)).isoformat()
    return [day for day in days if day < first_kept]


def _is_committed(state: StoreState, segment: ClosedSegment) -> bool:
    checkpoint = state.checkpoints.get((segment.topic, segment.partition))
    if checkpoint and segment.last_offset < checkpoint.next_offset:
        return True
    logger.warning("%s: its day is left alone, for the partition's checkpoint does not know of it", segment.path.name)
    return False


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
