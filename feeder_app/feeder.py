"""The feeder: from the topic into the store, in steps of `run_once`."""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from brokerlytics.heartbeat import HEARTBEAT_INTERVAL, Heartbeat, State, write_heartbeat
from brokerlytics.topics import TopicIdentity
from feeder_app.assignment import AssignedPartition
from feeder_app.connection import ConnectionWatch
from feeder_app.consumer import Failure, FeederConsumer
from feeder_app.errors import OutOfSpaceError
from feeder_app.policies import FeederPolicy, is_due
from feeder_app.records import Records
from feeder_app.totals import Totals

logger = logging.getLogger(__name__)

# take() runs no signal handler before it returns.
CONSUME_SECONDS: Final = 0.2
_IDENTITY_TIMEOUT: Final = 1.0


@dataclass(frozen=True, slots=True)
class FeederOptions:
    """`name` tells this feeder from others on the same store; `root` is the store's directory."""

    name: str
    topic: str
    root: Path
    policy: FeederPolicy


class Feeder:
    """Consumes the partitions that the group gives it, each through its own PartitionWriter.

    Guarantee: a record is in the store exactly once, whenever this process dies; the checkpoint says
    where to go on, whatever Kafka's committed offset is.
    """

    def __init__(
        self,
        consumer: FeederConsumer,
        options: FeederOptions,
        now: datetime,
        show: Callable[[Heartbeat], None] = lambda _: None,
    ) -> None:
        """`show` is told of each heartbeat."""
        self._consumer = consumer
        self._options = options
        self._show = show
        self._assigned: dict[int, AssignedPartition] = {}
        self._started_at = now
        self._let_go = Totals()
        self._next_beat = now
        self._connection = ConnectionWatch(consumer, options.topic, now)
        self._identity = TopicIdentity(options.topic)
        consumer.subscribe([options.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def run_once(self, now: datetime) -> None:
        """Take what arrived within CONSUME_SECONDS, commit what is due, retry what waits, beat.

        Raises FeederError; KafkaException for what no retry can mend.
        """
        taken = self._consumer.take(CONSUME_SECONDS)
        if taken:
            self._connection.heard(now)
        for some in taken:
            if isinstance(some, Failure):
                self._take_error(some, now)
            else:
                self._take_records(some)
        for assigned in self._assigned.values():
            if not assigned.due(now):
                continue
            if assigned.state is State.WAITING:
                self._start(assigned, now)
            else:
                self._commit_if_due(assigned, now)
        if is_due(now, self._next_beat, HEARTBEAT_INTERVAL):
            self._refuse_another_topic()
            self._beat(now)
        self._connection.check_if_due(now)

    def at_end(self) -> bool:
        """Whether every assigned partition is read to its end; False while there is none."""
        partitions = self._assigned.values()
        return bool(partitions) and all(p.at_end and p.state is State.RUNNING for p in partitions)

    def close(self, now: datetime) -> None:
        """Commit, close every segment, leave. Raises FeederError when the store fails."""
        try:
            for assigned in self._assigned.values():
                self._let_go += assigned.let_go(now, commit=True)
        finally:
            self._assigned.clear()
            self._consumer.close()

    def abandon(self) -> None:
        """Give every lock back without a commit: after an error what is buffered is not to be trusted.

        The consumer is left as it is, for a close may wait for a broker for ever: its process ends now.
        """
        for assigned in self._assigned.values():
            assigned.let_go(self._started_at, commit=False)
        self._assigned.clear()

    def status(self, now: datetime) -> Heartbeat:
        """What the feeder says of itself: to the heartbeat file and to the one who watches."""
        totals = sum((assigned.totals for assigned in self._assigned.values()), self._let_go)
        return Heartbeat(
            feeder=self._options.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            topic=self._options.topic,
            beat_at=now,
            started_at=self._started_at,
            rows=totals.rows,
            duplicates=totals.duplicates,
            partitions=tuple(self._assigned[number].status(self._consumer, now) for number in sorted(self._assigned)),
        )

    def _take_records(self, records: Records) -> None:
        assigned = self._assigned.get(records.partition)
        if assigned and assigned.writer and assigned.state is not State.WAITING:
            assigned.at_end = False
            assigned.writer.append(records)

    def _take_error(self, failure: Failure, now: datetime) -> None:
        error = failure.error
        assigned = None if failure.partition is None else self._assigned.get(failure.partition)
        if error.code() == KafkaError._PARTITION_EOF and assigned:
            assigned.at_end = True
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE) and assigned:
            # Retention overtook the feeder: commit what it has, then start where the topic now starts.
            logger.warning("%s[%d]: %s", assigned.topic, assigned.partition, error.str())
            self._pause(assigned, State.WAITING, now)
        elif error.fatal() or error.code() == KafkaError._FATAL:
            raise KafkaException(error)
        else:
            logger.warning("%s: %s", self._options.topic, error.str())

    def _commit_if_due(self, assigned: AssignedPartition, now: datetime) -> None:
        if assigned.writer is None:
            return
        try:
            committed = assigned.writer.commit_if_due(now)
        except OutOfSpaceError as error:
            if assigned.state is State.RUNNING:
                logger.error(
                    "Disk full, %s[%d] waits at offset %d with %d bytes buffered, cut back to its last commit: %s",
                    assigned.topic,
                    assigned.partition,
                    assigned.writer.checkpoint.next_offset,
                    assigned.writer.buffered_bytes,
                    error,
                )
            self._pause(assigned, State.STALLED, now)
            return
        if committed:
            self._tell_kafka(assigned)
            if assigned.state is State.STALLED:
                logger.info("%s[%d] goes on: there is room again", assigned.topic, assigned.partition)
                assigned.state = State.RUNNING
                self._consumer.resume([assigned.position()])

    def _start(self, assigned: AssignedPartition, now: datetime) -> None:
        if not assigned.try_open(self._consumer, self._options.root, self._options.policy, now):
            return
        try:
            # Not a seek: the client refuses that once the topic had lost the offset it was at.
            self._consumer.incremental_unassign([assigned.position()])
            self._consumer.incremental_assign([assigned.position()])
            self._consumer.resume([assigned.position()])
        except KafkaException as error:
            # The fetcher has not begun with a partition that was assigned a moment ago.
            logger.info("%s[%d] waits: %s", assigned.topic, assigned.partition, error.args[0].str())
            assigned.wait(State.WAITING, now)

    def _pause(self, assigned: AssignedPartition, state: State, now: datetime) -> None:
        assigned.wait(state, now)
        self._consumer.pause([assigned.position()])

    def _tell_kafka(self, assigned: AssignedPartition) -> None:
        """For lag displays only; a refusal changes nothing in the store."""
        try:
            self._consumer.commit(offsets=[assigned.committed()], asynchronous=True)
        except KafkaException as error:
            logger.debug("Kafka took no commit: %s", error.args[0].str())

    def _refuse_another_topic(self) -> None:
        """A topic that is made again under a running consumer is read on as if it were the old one."""
        try:
            found = self._identity.ask(_IDENTITY_TIMEOUT)
        except KafkaException:
            return
        for assigned in self._assigned.values():
            assigned.refuse_another(found)

    def _beat(self, now: datetime) -> None:
        self._next_beat = now + HEARTBEAT_INTERVAL
        status = self.status(now)
        self._show(status)
        try:
            write_heartbeat(self._options.root, status)
        except OSError as error:
            logger.warning("No heartbeat: %s", error.strerror)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        now = datetime.now(UTC)
        self._tell("is given", partitions)
        given = [
            AssignedPartition(partition.topic, partition.partition, now, self._identity) for partition in partitions
        ]
        for assigned in given:
            self._assigned[assigned.partition] = assigned
            assigned.try_open(consumer, self._options.root, self._options.policy, now)
        consumer.incremental_assign([assigned.position() for assigned in given])
        if waiting := [assigned.position() for assigned in given if assigned.state is State.WAITING]:
            consumer.pause(waiting)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The partitions go to another feeder: commit, close, give the locks back, then say so to the group."""
        self._tell("hands over", partitions)
        self._drop(partitions, commit=True)
        consumer.incremental_unassign(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Others may have them already: drop what is buffered, they read it again."""
        self._tell("has lost", partitions)
        self._drop(partitions, commit=False)
        consumer.incremental_unassign(partitions)

    def _drop(self, partitions: list[TopicPartition], *, commit: bool) -> None:
        now = datetime.now(UTC)
        for partition in partitions:
            if assigned := self._assigned.pop(partition.partition, None):
                self._let_go += assigned.let_go(now, commit=commit)

    def _tell(self, what: str, partitions: list[TopicPartition]) -> None:
        numbers = ", ".join(str(partition.partition) for partition in partitions) or "none"
        logger.info("%s %s partitions of %s: %s", self._options.name, what, self._options.topic, numbers)
