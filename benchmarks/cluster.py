"""A local Kafka for the time of a benchmark, and topics with events on it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Event
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from django.conf import settings

from brokerlytics.event_codec import build_event, encode_event
from brokerlytics.kafka import client_config
from brokerlytics.local_kafka.broker import LocalKafka
from brokerlytics.ports import port_is_free
from brokerlytics.topics import TopicSpec, ensure_topic

_FIRST_PORT = 29_192
PARTITIONS = 6
_PATIENCE = 30.0


def free_port(neighbours: int = 1) -> int:
    """The first of so many neighbouring ports on loopback that nobody listens on."""
    for first in range(_FIRST_PORT, _FIRST_PORT + 2000):
        if all(port_is_free("127.0.0.1", port) for port in range(first, first + neighbours)):
            return first
    raise RuntimeError("No port is free.")


@contextmanager
def local_cluster(directory: Path) -> Iterator[None]:
    """Settings point to it while it runs. The jars are those of `make bootstrap`."""
    # Kafka's own default: who joins a new group within this time gets its share at once.
    waits = {"group.initial.rebalance.delay.ms": "3000"}
    broker = LocalKafka(directory / "kafka", free_port(2), settings.BASE_DIR / "var" / "kafka" / "jars", waits)
    broker.start()
    try:
        broker.wait_ready(Event())
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        yield
    finally:
        broker.stop()


def new_topic() -> str:
    topic = ensure_topic(TopicSpec(f"bench-{uuid4().hex[:8]}", PARTITIONS, 1, 1)).name
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            events_on(topic)
        except KafkaException:
            # Its partitions have no leader yet.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return topic


def events_on(topic: str) -> int:
    """How many events the broker has on the topic."""
    consumer = Consumer(client_config(group_id="bench"))
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        return sum(consumer.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions)
    finally:
        consumer.close()


def event(number: int) -> bytes:
    """An event of a usual size, about 410 bytes, as the collector puts it on the topic."""
    minute_second, millisecond = f"{number // 60_000 % 60:02}:{number // 1000 % 60:02}", number % 1000
    created = f"2026-08-22T09:{minute_second}{f'.{millisecond:03}000' if millisecond else ''}Z".encode()
    received = f"2026-08-22T10:{minute_second}.456000Z".encode()
    return _pattern() % (number, number % 5000, number % 20_000, created, created, received, number % 97)


@lru_cache(maxsize=1)
def _pattern() -> bytes:
    """What the collector makes of such an event, with places for what differs: to encode millions takes minutes."""
    fields = {
        "kind": "page",
        "event_type": "PAGE_VIEW",
        "device_id": "device-%d",
        "session_id": "session-%d",
        "created_on": "2026-08-22T09:00:00Z",
        "source": "shop",
        "platform": "web",
        "os": "Android",
        "page_url": "https://shop.example.org/products/4711",
        "properties": {"product": 0, "colour": "blue"},
    }
    received_on = datetime(2026, 8, 22, 10, tzinfo=UTC)
    encoded = encode_event(build_event(fields, event_id="01990f8e-0000-7000-8000-%012d", received_on=received_on))
    for text, place in ((b"2026-08-22T09:00:00Z", b"%b"), (b"2026-08-22T10:00:00Z", b"%b"), (b'":0', b'":%d')):
        encoded = encoded.replace(text, place)
    return encoded


def fill(topic: str, count: int) -> None:
    """Put `count` events on the topic."""
    producer = Producer(client_config(enable_idempotence=True, linger_ms=20))
    for number in range(count):
        while True:
            try:
                producer.produce(topic, event(number), key=f"device-{number % 5000}")
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
