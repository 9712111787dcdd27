"""One partition that the group gave to this feeder, and the state it is in."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from brokerlytics.heartbeat import PartitionStatus, State
from brokerlytics.store import PartitionPaths
from brokerlytics.topics import TopicIdentity
from feeder_app.errors import OutOfSpaceError, PartitionBusyError, StoreDamagedError
from feeder_app.partition_writer import PartitionWriter
from feeder_app.policies import FeederPolicy, is_due
from feeder_app.recent_rate import RecentRate
from feeder_app.recovery import open_partition
from feeder_app.start_at import StartAt, first_offset
from feeder_app.totals import Totals

logger = logging.getLogger(__name__)

RETRY_AFTER: Final = timedelta(seconds=1)
_WATERMARK_TIMEOUT: Final = 5.0


@dataclass(slots=True)
class AssignedPartition:
    """`at_end` is set when the consumer reported the end of the partition after its last record.

    `moved_at` is when it last committed or had nothing to do, as far as status() has seen.
    """

    topic: str
    partition: int
    moved_at: datetime
    identity: TopicIdentity
    writer: PartitionWriter | None = None
    state: State = State.WAITING
    retry_at: datetime | None = None
    at_end: bool = False
    seen_offset: int = 0
    arriving: RecentRate = field(default_factory=RecentRate)
    storing: RecentRate = field(default_factory=RecentRate)

    def position(self) -> TopicPartition:
        """Where to go on; the start of the topic while the partition is not open (it is paused then)."""
        return TopicPartition(self.topic, self.partition, self.writer.next_offset if self.writer else 0)

    def committed(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition, self.writer.checkpoint.next_offset if self.writer else 0)

    @property
    def totals(self) -> Totals:
        """What was committed since the partition was opened."""
        return self.writer.totals if self.writer else Totals()

    def try_open(self, consumer: Consumer, root: Path, policy: FeederPolicy, now: datetime) -> bool:
        """Open the partition and check its checkpoint against the topic. False: WAITING, try again later.

        Raises StoreDamagedError, StoreFailedError.
        """
        try:
            if self.writer is None:
                self.writer = open_partition(PartitionPaths(root, self.topic, self.partition), policy, now)
            self._meet_topic(consumer, self.writer, policy.start_at, now)
        except (PartitionBusyError, OutOfSpaceError, KafkaException) as reason:
            if self.retry_at is None:
                logger.warning("%s[%d] waits: %s", self.topic, self.partition, _text(reason))
            self.wait(State.WAITING, now)
            return False
        self.state = State.RUNNING
        self.retry_at = None
        self.at_end = False
        logger.info(
            "%s[%d] starts at offset %d as owner %d, after %d rows",
            self.topic,
            self.partition,
            self.writer.next_offset,
            self.writer.checkpoint.epoch,
            self.writer.checkpoint.rows,
        )
        return True

    def due(self, now: datetime) -> bool:
        """Whether it may be tried again, or never had to wait."""
        return self.retry_at is None or is_due(now, self.retry_at, RETRY_AFTER)

    def wait(self, state: State, now: datetime) -> None:
        self.state = state
        self.retry_at = now + RETRY_AFTER

    def let_go(self, now: datetime, *, commit: bool) -> Totals:
        """Commit and close if it is still ours and there is room; then give the lock back.

        Returns what was committed since it was opened.
        """
        if self.writer is None:
            return Totals()
        try:
            if commit:
                self.writer.commit(now)
                self.writer.close_segment(now)
        except OutOfSpaceError as error:
            logger.warning("%s[%d] let go with its last commit: %s", self.topic, self.partition, error)
        finally:
            totals, committed, taken = self.totals, self.writer.checkpoint.next_offset, self.writer.next_offset
            self.writer.release()
            self.writer = None
            logger.info(
                "%s[%d] let go at offset %d after %d rows of this owner, %d records not committed",
                self.topic,
                self.partition,
                committed,
                totals.rows,
                taken - committed,
            )
        return totals

    def status(self, consumer: Consumer, now: datetime) -> PartitionStatus:
        next_offset = self.writer.checkpoint.next_offset if self.writer else 0
        lag = self._lag(consumer, next_offset) if self.writer else None
        if self.state is State.RUNNING and (not lag or next_offset != self.seen_offset):
            self.moved_at = now
        self.seen_offset = next_offset
        if lag is not None:
            self.arriving.see(next_offset + lag, now)
            self.storing.see(next_offset, now)
        return PartitionStatus(
            partition=self.partition,
            next_offset=next_offset,
            lag=lag,
            state=self.state,
            moved_at=self.moved_at,
            last_event_at=self.writer.last_event_at if self.writer else None,
            arriving=self.arriving.per_second(),
            storing=self.storing.per_second(),
        )

    def refuse_another(self, found: str | None) -> None:
        """Raises StoreDamagedError when `found`, the topic's id, is not that of the topic whose records are stored."""
        known = self.writer.checkpoint.topic_id if self.writer and self.writer.checkpoint.next_offset else None
        if self.writer and known and found and known != found:
            raise _another_topic(self.writer, f"its id is {found}, was {known}")

    def _meet_topic(self, consumer: Consumer, writer: PartitionWriter, start_at: StartAt, now: datetime) -> None:
        """Hold the checkpoint against what the topic still has; record what it lost.

        Raises KafkaException, FeederError.
        """
        paths, next_offset = writer.paths, writer.next_offset
        partition = TopicPartition(paths.topic, paths.partition)
        low, high = consumer.get_watermark_offsets(partition, timeout=_WATERMARK_TIMEOUT, cached=False)
        known, found = writer.checkpoint.topic_id, self.identity.ask()
        if next_offset > high:
            raise _another_topic(writer, f"it ends at offset {high}")
        self.refuse_another(found)
        if found and found != known:
            writer.belong_to(found, now)
        if next_offset == 0:
            _begin(writer, first_offset(consumer, partition, start_at, low, high), now)
        elif low > next_offset:
            logger.error(
                "%s[%d] LOST offsets %d to %d, %d of them: retention removed them before they were stored",
                paths.topic,
                paths.partition,
                next_offset,
                low - 1,
                low - next_offset,
            )
            writer.skip_to(low, now)
        elif start_at:
            logger.warning(
                "%s[%d] goes on at its checkpoint's offset %d, not at %s: only what the store has nothing of can begin "
                "elsewhere. Use another STORE_DIR and --group to replay.",
                paths.topic,
                paths.partition,
                next_offset,
                start_at,
            )

    def _lag(self, consumer: Consumer, next_offset: int) -> int | None:
        _, high = consumer.get_watermark_offsets(TopicPartition(self.topic, self.partition), cached=True)
        return max(high - next_offset, 0) if high >= 0 else None


def _begin(writer: PartitionWriter, offset: int, now: datetime) -> None:
    """The store has nothing of the partition: what lies before `offset` stays out of it."""
    if offset:
        logger.info("%s[%d] leaves out offsets 0 to %d", writer.paths.topic, writer.paths.partition, offset - 1)
        writer.skip_to(offset, now)


def _text(reason: Exception) -> str:
    return reason.args[0].str() if isinstance(reason, KafkaException) else str(reason)


def _another_topic(writer: PartitionWriter, how: str) -> StoreDamagedError:
    paths, stored = writer.paths, writer.checkpoint.next_offset
    return StoreDamagedError(
        f"{paths.topic}[{paths.partition}] is not the topic of which {stored} records are stored: it was deleted and "
        f"made again, or this is another cluster ({how}). Use another STORE_DIR or KAFKA_TOPIC for it."
    )
