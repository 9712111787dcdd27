"""Step 3 of an event's way: the Kafka producer, which waits until the broker has acknowledged."""

import logging
import os
import threading
import time
from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from django.conf import settings

from analytics_app.process_exit import call_at_exit
from brokerlytics.kafka import client_config

logger = logging.getLogger(__name__)

_POLL_INTERVAL: Final = 0.2
_FLUSH_SECONDS: Final = 5.0
_REFUSALS: Final = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.POLICY_VIOLATION}


class Delivery(Enum):
    """What became of one message."""

    ACKNOWLEDGED = "the broker has it, with acks=all"
    REFUSED = "the broker will never take it"
    NOT_ACKNOWLEDGED = "no answer in time: it may be on the topic or not"


class EventProducer:
    """An idempotent producer with acks=all for one topic; any number of threads may use it at once.

    Make it after the process was forked. Raises KafkaException when Kafka's settings are not valid.
    """

    def __init__(self, topic: str, timeout: float) -> None:
        """`timeout`: how long `produce` waits for the broker, in seconds."""
        self.broken = False
        self._topic = topic
        self._timeout = timeout
        self._away = False
        self._acknowledged_at = 0.0
        self._probe = threading.Lock()
        self._closing = threading.Event()
        self._client = Producer(producer_config(timeout) | {"error_cb": self._on_error})
        self._poller = threading.Thread(target=self._poll, name="kafka-producer", daemon=True)
        self._at_exit = call_at_exit(self.close, priority=1)
        self._poller.start()

    def produce(self, messages: Sequence[tuple[bytes, bytes]]) -> list[Delivery]:
        """Send (key, value) pairs and wait; returns within the timeout what became of each, in order.

        Messages with the same key keep their order. While the broker is known to be away, one call
        at a time asks it and the others return NOT_ACKNOWLEDGED at once, so that waiting requests
        do not take every thread of the server.
        """
        if not self._away:
            return self._send(messages)
        if not self._probe.acquire(blocking=False):
            return [Delivery.NOT_ACKNOWLEDGED] * len(messages)
        try:
            return self._send(messages)
        finally:
            self._probe.release()

    def close(self) -> None:
        """Wait a few seconds for what is under way, then give it up."""
        self._client.flush(_FLUSH_SECONDS)
        self._closing.set()
        self._poller.join()

    def _send(self, messages: Sequence[tuple[bytes, bytes]]) -> list[Delivery]:
        started = time.monotonic()
        deadline = started + self._timeout
        batch = _Batch(len(messages))
        for index, (key, value) in enumerate(messages):
            self._enqueue(key, value, batch, index, deadline)
        deliveries = batch.wait(deadline)
        failed = deliveries.count(Delivery.NOT_ACKNOWLEDGED)
        if failed < len(messages):
            self._acknowledged_at = time.monotonic()
        # One partition without a leader does not make the broker away: others are acknowledged meanwhile.
        self._away = self._acknowledged_at < started
        if failed:
            logger.warning("Kafka did not acknowledge %d of %d events: %s", failed, len(messages), batch.reason)
        return deliveries

    def _enqueue(self, key: bytes, value: bytes, batch: "_Batch", index: int, deadline: float) -> None:
        report = partial(batch.report, index)
        while True:
            try:
                self._client.produce(self._topic, value, key, on_delivery=report)
            except BufferError:
                if time.monotonic() < deadline:
                    self._client.poll(0.01)
                    continue
                report(KafkaError(KafkaError._QUEUE_FULL), None)  # noqa: SLF001 (public, named so by the client)
            except KafkaException as error:
                self._on_error(error.args[0])
                report(error.args[0], None)
            return

    def _poll(self) -> None:
        while not self._closing.is_set() and not (self.broken and len(self._client) == 0):
            self._client.poll(_POLL_INTERVAL)
        self._at_exit.cancel()

    def _on_error(self, error: KafkaError) -> None:
        # After a fatal error an idempotent producer takes nothing any more; a new one has to be made.
        if error.fatal():
            self.broken = True
            logger.error("The Kafka producer failed and is replaced: %s", error.str())


class _Batch:
    """Collects the delivery reports of one call."""

    def __init__(self, size: int) -> None:
        self.reason = "no answer within the timeout"
        self._deliveries = [Delivery.NOT_ACKNOWLEDGED] * size
        self._missing = size
        self._lock = threading.Lock()
        self._done = threading.Event()

    def report(self, index: int, error: KafkaError | None, _message: Message | None) -> None:
        with self._lock:
            if error is None:
                self._deliveries[index] = Delivery.ACKNOWLEDGED
            elif error.code() in _REFUSALS:
                self._deliveries[index] = Delivery.REFUSED
            else:
                self.reason = error.str()
            self._missing -= 1
            if not self._missing:
                self._done.set()

    def wait(self, deadline: float) -> list[Delivery]:
        self._done.wait(max(0.0, deadline - time.monotonic()))
        with self._lock:
            return list(self._deliveries)


class SharedProducer:
    """The one producer of this process: made when first asked for, and again after a fatal error or a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._producer: EventProducer | None = None
        self._inherited: EventProducer | None = None

    def get(self) -> EventProducer:
        """Raises KafkaException when Kafka's settings are not valid."""
        with self._lock:
            if self._producer is None or self._producer.broken:
                self._producer = EventProducer(settings.KAFKA_TOPIC, settings.PRODUCE_TIMEOUT)
            return self._producer

    def close(self) -> None:
        with self._lock:
            if self._producer is not None:
                self._producer.close()
            self._producer = None

    def forget(self) -> None:
        """In a forked child: the parent's producer has no threads here, so that even to free it would hang."""
        self._lock = threading.Lock()
        self._inherited, self._producer = self._producer, None


shared_producer: Final = SharedProducer()
os.register_at_fork(after_in_child=shared_producer.forget)


def producer_config(timeout: float) -> dict[str, object]:
    """librdkafka's settings of the producer. What the guarantee rests on cannot be set from outside."""
    defaults: dict[str, object] = {
        # Requests wait for the answer, and what comes meanwhile makes the next batch: measured, waiting longer
        # adds to every request and gains nothing.
        "linger.ms": 0,
        "compression.type": "lz4",
        # Java's clients choose the partition of a key in the same way.
        "partitioner": "murmur2_random",
        # A topic that is missing is told before the message's time is up.
        "topic.metadata.propagation.max.ms": 3000,
        # What is waiting for the broker is bounded in memory.
        "queue.buffering.max.kbytes": 64 * 1024,
    }
    guarantee = client_config(
        acks="all",
        enable_idempotence=True,
        # Known to have failed before the request's time is up: librdkafka looks once a second.
        delivery_timeout_ms=max(100, int(timeout * 800)),
    )
    return defaults | guarantee
