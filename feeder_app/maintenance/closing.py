"""Getting active segments closed: by the feeders that write them, or by ourselves where there is none."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from brokerlytics.checkpoint import read_checkpoint
from brokerlytics.store import PartitionPaths
from feeder_app.errors import FeederError, PartitionBusyError
from feeder_app.maintenance.meeting import request_close
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition

_PATIENCE: Final = 60.0
_INTERVAL: Final = 0.2

# A partition, and the name of its active segment.
Active = tuple[PartitionPaths, str]


class StillActiveError(FeederError):
    """A feeder has not closed its segment."""


def close_segments(root: Path, wanted: Iterable[Active], look_alive: Callable[[], None]) -> None:
    """Return when none of the segments is active any more. `look_alive` is called while it waits and may raise.

    Raises StillActiveError; what opening a partition raises.
    """
    active = list(wanted)
    deadline = time.monotonic() + _PATIENCE
    try:
        while active := [one for one in active if _is_active(one)]:
            request_close(root, [name for _, name in active])
            for paths, _ in active:
                _close_unless_busy(paths)
            if time.monotonic() > deadline:
                names = ", ".join(name for _, name in active)
                raise StillActiveError(
                    f"After {_PATIENCE:.0f} s its feeder has not closed {names}: it is stopped, waits for room on the "
                    "disk, or is of an older version. Nothing was removed; end it or mend it, then try again."
                )
            look_alive()
            time.sleep(_INTERVAL)
    finally:
        request_close(root, [])


def _is_active(one: Active) -> bool:
    paths, name = one
    checkpoint = read_checkpoint(paths.checkpoint)
    return checkpoint is not None and checkpoint.active is not None and checkpoint.active.name == name


def _close_unless_busy(paths: PartitionPaths) -> None:
    """Be the partition's owner for a moment; a feeder that has it does it when it sees the request."""
    now = datetime.now(UTC)
    try:
        writer = open_partition(paths, FeederPolicy(), now)
    except PartitionBusyError:
        return
    try:
        writer.close_segment(now)
    finally:
        writer.release()
