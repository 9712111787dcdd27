"""Taking a partition over, from whatever state its last owner left."""

import logging
from datetime import datetime

import msgspec

from brokerlytics.checkpoint import Checkpoint, CorruptCheckpointError, damaged_slots, read_checkpoint
from brokerlytics.store import PartitionPaths, closed_segments
from feeder_app.errors import StoreDamagedError
from feeder_app.locking import FileLock
from feeder_app.partition_writer import PartitionWriter
from feeder_app.policies import FeederPolicy
from feeder_app.segment_files import space_or_failure

logger = logging.getLogger(__name__)


def open_partition(paths: PartitionPaths, policy: FeederPolicy, now: datetime) -> PartitionWriter:
    """Take the lock, read the checkpoint, cut or finish what a crash left, raise the epoch.

    Raises:
        PartitionBusyError: another process has the lock; nothing was touched.
        StoreDamagedError: less is there than was committed; nothing was touched.
        OutOfSpaceError: the disk is full; try again.
        StoreFailedError: the disk failed.
    """
    try:
        lock = FileLock(paths.lock, now)
        try:
            checkpoint = _checkpoint_of(paths)
            _drop_orphans(paths, checkpoint)
            writer = PartitionWriter(paths, lock, checkpoint, policy, now)
            writer.begin_epoch(now)
        except BaseException:
            lock.release()
            raise
    except OSError as error:
        raise space_or_failure(error, paths.state) from error
    return writer


def _checkpoint_of(paths: PartitionPaths) -> Checkpoint:
    try:
        checkpoint = read_checkpoint(paths.checkpoint)
    except CorruptCheckpointError as error:
        raise StoreDamagedError(f"{error} Restore it from a backup: without it rows would be stored twice.") from error
    if checkpoint and damaged_slots(paths.checkpoint):
        logger.warning(
            "%s: one of its two slots is damaged, the other one decides: %s[%d] goes on at offset %d",
            paths.checkpoint,
            paths.topic,
            paths.partition,
            checkpoint.next_offset,
        )
        return _with_lost_close(paths, checkpoint)
    if checkpoint is None and _has_segments(paths):
        raise StoreDamagedError(
            f"{paths.checkpoint} is missing, but {paths.data} holds segments of {paths.topic}[{paths.partition}]. "
            "Restore it from a backup, or move those segments away to read the topic anew."
        )
    return checkpoint or Checkpoint()


def _with_lost_close(paths: PartitionPaths, checkpoint: Checkpoint) -> Checkpoint:
    """When the damaged slot said that the active segment is being closed, and it has its new name: finish that."""
    active = checkpoint.active
    if active is None or active.closing_to or (paths.state / active.name).exists():
        return checkpoint
    target = paths.closed_name(active.date, active.first_offset, checkpoint.next_offset - 1)
    closed = paths.data / target
    if not closed.exists() or closed.stat().st_size != active.committed_bytes:
        return checkpoint
    return msgspec.structs.replace(checkpoint, active=msgspec.structs.replace(active, closing_to=target))


def _has_segments(paths: PartitionPaths) -> bool:
    return any(segment.partition == paths.partition for segment in closed_segments(paths.root, paths.topic))


def _drop_orphans(paths: PartitionPaths, checkpoint: Checkpoint) -> None:
    """Remove segment files that were made but never committed to."""
    for path in paths.state.glob("*.open"):
        if not checkpoint.active or path.name != checkpoint.active.name:
            logger.warning("%s: removed, none of it was committed", path.name)
            path.unlink()
