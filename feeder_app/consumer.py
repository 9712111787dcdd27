"""The Kafka consumer of a feeder: its settings, and the records that come from it."""

import logging
from itertools import groupby
from threading import Thread
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from brokerlytics.kafka import client_config
from brokerlytics.native.librdkafka import ClientReader, kafka
from brokerlytics.native.messages import Run
from feeder_app.records import Records, records_of

logger = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 30.0
_MOST: Final = 1_000


class Failure(NamedTuple):
    """What Kafka or the client says of a partition, or of none."""

    partition: int | None
    error: KafkaError


class FeederConsumer(Consumer):
    """A consumer that gives records by many, encoded in C where that is there.

    Then two queues are read: the client's own, which has what concerns the group and calls its callbacks, and
    one with the messages of the partitions that it is assigned, all of them by `incremental_assign`.
    """

    _reader: ClientReader | None = None
    _topic = ""

    def __init__(self, config: dict[str, Any]) -> None:
        """Raises KafkaException."""
        found = kafka()
        if found is None:
            super().__init__(config)
        else:
            self._reader = ClientReader(found, found.note(config, super().__init__), _MOST)

    def take(self, seconds: float) -> list[Records | Failure]:
        """What comes within that time, of which a part may be encoded; it is there until the next call.

        Calls what was given to subscribe().
        """
        taken = _parted(self.consume(_MOST, 0 if self._reader else seconds))
        if self._reader:
            taken += [_of_run(self._topic, run) for run in self._reader.take(0 if taken else seconds)]
        return taken

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """As the client's."""
        self._lead_here(partitions)
        super().incremental_assign(partitions)
        # Of one that was unassigned a moment ago the client has stopped to fetch by now, and forgotten where to.
        self._lead_here(partitions)

    def close(self) -> None:
        """As the client's, for CLOSE_SECONDS at most; what was taken is gone."""
        self._end_reading()
        # When the group gives partitions to a member that leaves, librdkafka may wait for itself for ever
        # (confluentinc/librdkafka#4527). Then the group waits for the end of the session.
        leaving = Thread(target=super().close, name="leaving the group", daemon=True)
        leaving.start()
        leaving.join(CLOSE_SECONDS)
        if leaving.is_alive():
            logger.warning("The consumer group was not left within %.0f s, the process ends without.", CLOSE_SECONDS)

    def __del__(self) -> None:
        self._end_reading()

    def _end_reading(self) -> None:
        reader, self._reader = self._reader, None
        if reader:
            reader.close_queue()

    def _lead_here(self, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._topic = partition.topic
            if self._reader:
                self._reader.lead_here(partition.topic, partition.partition)


def make_consumer(group: str, instance: str, *, report_ends: bool) -> FeederConsumer:
    """A consumer that commits nothing by itself and never jumps to another offset.

    Args:
        group: consumer group.
        instance: `group.instance.id`; the successor of a killed feeder takes its partitions over with it,
            with the classic protocol.
        report_ends: whether the end of a partition is reported as a message.
    """
    # What is fetched ahead bounds the memory. When that is full, fetching goes on after a moment, not after a second.
    config: dict[str, Any] = {
        "session.timeout.ms": 10_000,
        "queued.max.messages.kbytes": 8_192,
        "fetch.queue.backoff.ms": 1,
    }
    config |= client_config(
        group_id=group,
        group_instance_id=instance,
        enable_auto_commit=False,
        enable_auto_offset_store=False,
        auto_offset_reset="error",
        enable_partition_eof=report_ends,
    )
    if config.get("group.protocol") == "consumer":
        # KIP-848: the broker assigns, and keeps the session's time. It gives a name to nobody else before the
        # dead member's session is over: a successor with the same one would be refused for good.
        del config["session.timeout.ms"], config["group.instance.id"]
    else:
        config["partition.assignment.strategy"] = "cooperative-sticky"
        # The client's default is 3 s, whatever the session is: one of 3 s would end before the first of them, again and
        # again.
        config.setdefault("heartbeat.interval.ms", min(3_000, int(config["session.timeout.ms"]) // 3))
    return FeederConsumer(config)


def _parted(messages: list[Message]) -> list[Records | Failure]:
    """Neighbours of one partition together; an error is alone."""
    taken: list[Records | Failure] = []
    for (partition, are_records), some in groupby(messages, lambda one: (one.partition(), one.error() is None)):
        if are_records:
            taken.append(records_of(list(some)))
        else:
            taken += [Failure(partition, error) for message in some if (error := message.error())]
    return taken


def _of_run(topic: str, run: Run) -> Records | Failure:
    if run.error:
        return Failure(run.partition, KafkaError(*run.error))
    return Records(
        topic, run.partition, run.offsets, run.timestamps, run.key_and_value, run.rows, run.earliest, run.latest
    )
