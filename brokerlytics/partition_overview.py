"""Every partition of a topic as its checkpoint, its lock and the feeders' heartbeats tell it. Nothing is changed."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from brokerlytics.checkpoint import Checkpoint, CorruptCheckpointError, read_checkpoint
from brokerlytics.heartbeat import Heartbeat, PartitionStatus, State, live_heartbeats
from brokerlytics.store import PartitionPaths, partitions_in


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """`status` is what its live feeder says, None without one; `holder` what the last process to take the partition's
    lock wrote into it. `damage`: why its checkpoint cannot be read."""

    partition: int
    checkpoint: Checkpoint
    status: PartitionStatus | None
    feeder: Heartbeat | None
    holder: str
    damage: str = ""

    @property
    def state(self) -> str:
        if self.damage:
            return "damaged"
        return self.status.state if self.status else "no feeder"

    @property
    def is_good(self) -> bool:
        return self.state == State.RUNNING


def partition_rows(root: Path, topic: str, feeders: list[Heartbeat]) -> list[PartitionRow]:
    """In order; of those that the store has state of, or a live feeder was given. Raises OSError."""
    owners = {status.partition: (status, feeder) for feeder in feeders for status in feeder.partitions}
    known = {paths.partition for paths in partitions_in(root, topic)}
    return [_row(PartitionPaths(root, topic, number), owners.get(number)) for number in sorted(known | set(owners))]


def feeders_of(root: Path, topic: str, now: datetime) -> list[Heartbeat]:
    """Those that live, in order of their names."""
    return sorted(live_heartbeats(root, topic, now), key=lambda heartbeat: heartbeat.feeder)


def _row(paths: PartitionPaths, owner: tuple[PartitionStatus, Heartbeat] | None) -> PartitionRow:
    checkpoint, damage = None, ""
    try:
        checkpoint = read_checkpoint(paths.checkpoint)
    except CorruptCheckpointError as error:
        damage = str(error)
    status, feeder = owner or (None, None)
    return PartitionRow(paths.partition, checkpoint or Checkpoint(), status, feeder, _holder(paths.lock), damage)


def _holder(lock: Path) -> str:
    try:
        return lock.read_text(errors="replace").strip()
    except FileNotFoundError:
        return ""
