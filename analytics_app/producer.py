"""Step 3 of an event's way: the Kafka producer, which waits until the broker has acknowledged."""

import asyncio
import logging
import os
import threading
import time
from functools import partial
from itertools import chain
from typing import Final

from confluent_kafka import KafkaError, Producer
from django.conf import settings

from analytics_app.broker_watch import BrokerWatch
from analytics_app.deliveries import Batch, Delivery, Messages
from analytics_app.process_exit import call_at_exit
from brokerlytics.kafka import client_config

logger = logging.getLogger(__name__)

_POLL_INTERVAL: Final = 0.2
_TICK_SECONDS: Final = 0.001
_QUEUE_FULL_SECONDS: Final = 0.01
_FLUSH_SECONDS: Final = 5.0
_ASK_SECONDS: Final = 1.0


class EventProducer:
    """An idempotent producer with acks=all for one topic; any number of threads may use it at once.

    Somebody has to poll librdkafka for its delivery reports: a thread of the producer's own or, where an
    event loop serves the requests, that loop, so that no report is handed from thread to thread.

    Make it after the process was forked. Raises KafkaException when Kafka's settings are not valid.
    """

    def __init__(self, topic: str, timeout: float, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """`timeout`: how long a call waits for the broker, in seconds. `loop` polls, if given."""
        self.broken = False
        self._topic = topic
        self._timeout = timeout
        self._acknowledged_at = 0.0
        self._closing = threading.Event()
        self._client = Producer(producer_config(timeout) | {"error_cb": self._on_error})
        self._broker = BrokerWatch(lambda: self._client.list_topics(topic, timeout=_ASK_SECONDS))
        self._at_exit = call_at_exit(self.close, priority=1)
        self._loop = loop
        self._waiting = 0
        self._to_send: list[Batch] = []
        self._queue_full_until = 0.0
        self._turn_is_due = self._timer_is_set = False
        self._poller = threading.Thread(target=self._poll, name="kafka-producer", daemon=True)
        if loop is None:
            self._poller.start()

    def produce(self, messages: Messages) -> list[Delivery]:
        """Send (key, value) pairs and wait; returns within the timeout what became of each, in order.

        Messages with the same key keep their order, unless the producer's queue is full. While the broker
        is known to be away, calls return NOT_ACKNOWLEDGED at once; when it answers again one at a time tries,
        so that waiting requests do not pile up. Not for the thread of the event loop.
        """
        if self._loop is not None:
            return asyncio.run_coroutine_threadsafe(self.produce_soon(messages), self._loop).result()
        probing = self._broker.away
        if probing and not self._broker.begin_probe():
            return [Delivery.NOT_ACKNOWLEDGED] * len(messages)
        done = threading.Event()
        batch = Batch(messages, self._timeout, done.set)
        try:
            while self._enqueue([batch]):
                time.sleep(_QUEUE_FULL_SECONDS)
            done.wait(max(0.0, batch.deadline - time.monotonic()))
            return self._finish(batch)
        finally:
            if probing:
                self._broker.end_probe()

    async def produce_soon(self, messages: Messages) -> list[Delivery]:
        """As `produce`, in the event loop that was given."""
        if self._loop is None:
            raise RuntimeError("This producer was made without an event loop")
        probing = self._broker.away
        if probing and not self._broker.begin_probe():
            return [Delivery.NOT_ACKNOWLEDGED] * len(messages)
        done = self._loop.create_future()
        batch = Batch(messages, self._timeout, partial(_set, done))
        self._waiting += 1
        self._to_send.append(batch)
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)
        try:
            # librdkafka reports every message, a failed one when its time is up.
            await done
            return self._finish(batch)
        finally:
            self._waiting -= 1
            if probing:
                self._broker.end_probe()

    def close(self) -> None:
        """Wait a few seconds for what is under way, then give it up."""
        self._client.flush(_FLUSH_SECONDS)
        self._closing.set()
        self._broker.close()
        if self._loop is None:
            self._poller.join()
        self._at_exit.cancel()

    def _finish(self, batch: Batch) -> list[Delivery]:
        deliveries = batch.deliveries()
        failed = deliveries.count(Delivery.NOT_ACKNOWLEDGED)
        if failed < len(deliveries):
            self._acknowledged_at = time.monotonic()
        # One partition without a leader does not make the broker away: others are acknowledged meanwhile.
        self._broker.tell(away=self._acknowledged_at < batch.started)
        if failed:
            logger.warning("Kafka did not acknowledge %d of %d events: %s", failed, len(deliveries), batch.reason)
        return deliveries

    def _enqueue(self, batches: list[Batch]) -> list[Batch]:
        """Hand them to librdkafka; gives those for which its queue was too full, but not beyond their time."""
        # One call for all of them: to call for each event costs three times as much.
        records = list(chain.from_iterable(batch.waiting for batch in batches))
        if self._client.produce_batch(self._topic, records) == len(records):
            for batch in batches:
                # They refer to the batch, and the batch to them.
                batch.waiting = []
            return []
        return [batch for batch in batches if self._sort_out(batch)]

    def _sort_out(self, batch: Batch) -> bool:
        """Which of the batch's records were not taken: True when some are to be tried again."""
        patient = time.monotonic() < batch.deadline
        records, batch.waiting = batch.waiting, []
        for record in records:
            error: KafkaError | None = record.pop("_error", None)
            if error is None:
                continue
            if patient and error.code() == KafkaError._QUEUE_FULL:  # noqa: SLF001 (public, named so by the client)
                batch.waiting.append(record)
            else:
                self._on_error(error)
                batch.fail(error, record["key"], record["value"])
        return bool(batch.waiting)

    def _turn(self) -> None:
        """In the event loop, after requests have come in: look for reports, and send what they brought together."""
        self._turn_is_due = False
        self._client.poll(0)
        if self._to_send and time.monotonic() >= self._queue_full_until:
            self._to_send = self._enqueue(self._to_send)
            if self._to_send:
                self._queue_full_until = time.monotonic() + _QUEUE_FULL_SECONDS
        if self._waiting and not self._timer_is_set and self._loop is not None:
            self._timer_is_set = True
            self._loop.call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        """While somebody waits and no request comes in."""
        self._timer_is_set = False
        self._turn()

    def _poll(self) -> None:
        while not self._closing.is_set() and not (self.broken and len(self._client) == 0):
            self._client.poll(_POLL_INTERVAL)

    def _on_error(self, error: KafkaError) -> None:
        # After a fatal error an idempotent producer takes nothing any more; a new one has to be made.
        if error.fatal() or error.code() == KafkaError._FATAL:
            self.broken = True
            self._at_exit.cancel()
            logger.error("The Kafka producer failed and is replaced: %s", error.str())


def _set(done: asyncio.Future[None]) -> None:
    # The request may have been cancelled meanwhile.
    if not done.done():
        done.set_result(None)


class SharedProducer:
    """The one producer of this process: made when first asked for, and again after a fatal error or a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._producer: EventProducer | None = None
        self._inherited: EventProducer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def use_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have `loop` poll the producers of this process."""
        self._loop = loop

    def get(self) -> EventProducer:
        """Raises KafkaException when Kafka's settings are not valid."""
        with self._lock:
            if self._producer is None or self._producer.broken:
                self._producer = EventProducer(settings.KAFKA_TOPIC, settings.PRODUCE_TIMEOUT, self._loop)
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
        # librdkafka sends a request for each partition: without a wait, requests that come in one by one reach
        # the broker one by one as well, and cost it and this process more than everything else.
        "linger.ms": 1,
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
