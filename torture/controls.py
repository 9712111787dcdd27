"""The negative controls: each switches one protection of the feeder off. A check that they pass proves nothing."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from confluent_kafka import Consumer, TopicPartition

from brokerlytics.checkpoint import Checkpoint, CheckpointFile, CorruptCheckpointError, read_checkpoint
from brokerlytics.kafka import client_config
from feeder_app.assignment import AssignedPartition
from feeder_app.consumer import make_consumer
from feeder_app.errors import StoreFailedError
from feeder_app.locking import FileLock
from feeder_app.seen_ids import SeenIds
from feeder_app.segment_files import AppendFile


def no_truncation() -> None:
    """What was written and never committed stays in the file."""
    patch("feeder_app.segment_files.truncate", lambda _fd, _size: None).start()


def no_memory() -> None:
    """A new owner does not know which events were stored before it."""
    patch("feeder_app.partition_writer.recall_ids", lambda _paths, _checkpoint, block: SeenIds(block)).start()


def no_lock() -> None:
    """Membership of the group alone decides who writes."""

    def unlocked(self: FileLock, path: Path, _now: datetime) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    # The slots of the feeders stay: they only name the members of the group.
    patch("feeder_app.recovery.FileLock", type("Unlocked", (FileLock,), {"__init__": unlocked})).start()


def trust_kafka() -> None:
    """Kafka's committed offset decides where to go on, and is committed as records come, as most consumers do it."""
    consumers: list[Consumer] = []

    def consumer(group: str, instance: str, *, report_ends: bool) -> Consumer:
        consumers.append(make_consumer(group, instance, report_ends=report_ends))
        return consumers[-1]

    def committed_in_kafka(self: AssignedPartition) -> TopicPartition:
        asked = TopicPartition(self.topic, self.partition)
        offset = consumers[-1].committed([asked], timeout=10)[0].offset
        return TopicPartition(self.topic, self.partition, max(offset, 0))

    def taken(self: AssignedPartition) -> TopicPartition:
        return TopicPartition(self.topic, self.partition, self.writer.next_offset if self.writer else 0)

    patch("feeder_app.service.make_consumer", consumer).start()
    patch.object(AssignedPartition, "position", committed_in_kafka).start()
    patch.object(AssignedPartition, "committed", taken).start()
    patch("feeder_app.feeder.Feeder._commit_if_due", _tell_then_commit).start()


def _tell_then_commit(self: Any, assigned: AssignedPartition, now: datetime) -> None:
    """The offset goes to Kafka before the rows go to disk."""
    if assigned.writer:
        self._tell_kafka(assigned)
        assigned.writer.commit_if_due(now)


def one_slot() -> None:
    """Every checkpoint is written over the one before it."""
    real = CheckpointFile.write

    def write(self: CheckpointFile, checkpoint: Checkpoint) -> None:
        with _at_the_start():
            real(self, checkpoint)

    patch.object(CheckpointFile, "write", write).start()


@contextmanager
def _at_the_start() -> Iterator[None]:
    real = os.pwrite
    with patch("os.pwrite", lambda fd, data, position: real(fd, data, position % 8192)):
        yield


def forget_checkpoint() -> None:
    """A checkpoint that cannot be read is taken for one that never was."""

    def read(path: Path) -> Checkpoint | None:
        with suppress(CorruptCheckpointError):
            return read_checkpoint(path)
        return None

    patch("feeder_app.recovery.read_checkpoint", read).start()
    patch("feeder_app.recovery._has_segments", lambda _paths: False).start()
    no_memory()


def retry_fsync() -> None:
    """An fsync that failed is tried again, and succeeds: the kernel has forgotten what it lost."""
    real = AppendFile.sync

    def sync(self: AppendFile) -> None:
        try:
            real(self)
        except StoreFailedError:
            real(self)

    patch.object(AppendFile, "sync", sync).start()


def no_gaps() -> None:
    """What the topic does not have any more is passed over in silence."""
    patch.object(AssignedPartition, "_meet_topic", lambda *_: None).start()
    patch(
        "feeder_app.consumer.client_config",
        lambda **settings: client_config(**settings) | {"auto.offset.reset": "earliest"},
    ).start()


CONTROLS: dict[str, Callable[[], None]] = {
    "no-truncation": no_truncation,
    "no-memory": no_memory,
    "no-lock": no_lock,
    "trust-kafka": trust_kafka,
    "one-slot": one_slot,
    "forget-checkpoint": forget_checkpoint,
    "retry-fsync": retry_fsync,
    "no-gaps": no_gaps,
}
