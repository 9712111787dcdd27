"""The producer against the mock cluster and real Kafka."""

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from pytest_django import Settings

from analytics_app.broker_watch import BrokerWatch
from analytics_app.deliveries import Delivery
from analytics_app.producer import EventProducer, producer_config, shared_producer
from brokerlytics.kafka import client_config
from brokerlytics.local_kafka.broker import LocalKafka
from brokerlytics.topics import TopicSpec, ensure_topic
from tests.analytics.topics import read_topic
from tests.conftest import JARS, free_ports
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.long

OK = Delivery.ACKNOWLEDGED
LOST = Delivery.NOT_ACKNOWLEDGED
Make = Callable[[str, float], EventProducer]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes producers that are closed after the test."""
    with ExitStack() as stack:

        def make_one(topic: str, timeout: float) -> EventProducer:
            producer = EventProducer(topic, timeout)
            stack.callback(producer.close)
            return producer

        yield make_one


def test_acknowledged_events_are_on_the_topic_in_the_order_of_their_key(make: Make, topic: str) -> None:
    producer = make(topic, 60)
    messages = [(b"key-%d" % (number % 7), b"value-%d" % number) for number in range(500)]
    assert producer.produce(messages) == [OK] * 500
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for message in read_topic(topic):
        found[message.key() or b""].append(message.value() or b"")
    expected: dict[bytes, list[bytes]] = defaultdict(list)
    for key, value in messages:
        expected[key].append(value)
    assert found == expected


def test_many_threads_share_one_producer(make: Make, topic: str) -> None:
    producer = make(topic, 60)

    def send(thread: int) -> list[Delivery]:
        return [
            delivery
            for number in range(20)
            for delivery in producer.produce([(b"thread-%d" % thread, b"%d-%d" % (thread, number))])
        ]

    with ThreadPoolExecutor(16) as threads:
        deliveries = list(threads.map(send, range(16)))
    assert deliveries == [[OK] * 20] * 16
    by_key: dict[bytes, list[bytes]] = defaultdict(list)
    for message in read_topic(topic):
        by_key[message.key() or b""].append(message.value() or b"")
    assert by_key == {b"thread-%d" % t: [b"%d-%d" % (t, n) for n in range(20)] for t in range(16)}


def test_a_topic_that_is_missing_is_not_acknowledged(
    make: Make, real_kafka: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    producer = make("no-such-topic", 10)
    assert producer.produce([(b"k", b"v")]) == [LOST]
    assert "Unknown topic" in caplog.text


def test_an_event_that_the_topic_refuses_for_its_size(make: Make, real_kafka: str, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    topic = ensure_topic(TopicSpec("events-with-small-messages", 1, 7, 1)).name
    limit = ConfigEntry("max.message.bytes", "1000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[limit])
    admin = AdminClient(client_config())
    admin.incremental_alter_configs([resource])[resource].result(PATIENCE)
    producer = make(topic, 60)
    assert producer.produce([(b"k", os.urandom(2000))]) == [Delivery.REFUSED]
    assert producer.produce([(b"k", b"small")]) == [OK]


def test_a_message_beyond_the_clients_limit_spoils_no_other(make: Make, topic: str) -> None:
    producer = make(topic, 60)
    deliveries = producer.produce([(b"k", b"1"), (b"k", b"x" * 2_000_000), (b"k", b"2")])
    assert deliveries == [OK, Delivery.REFUSED, OK]


def test_what_finds_the_queue_full_is_sent_when_there_is_room(make: Make, topic: str, settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"queue.buffering.max.messages": "7", "linger.ms": "20"}
    producer = make(topic, 60)
    messages = [(b"k", b"%d" % number) for number in range(100)]
    messages[50] = (b"k", b"x" * 2_000_000)
    expected = [OK] * 100
    expected[50] = Delivery.REFUSED
    assert producer.produce(messages) == expected
    found = sorted(message.value() or b"" for message in read_topic(topic))
    assert found == sorted(value for _, value in messages if len(value) < 10)


@pytest.fixture
def nobody(settings: Settings) -> None:
    """Nobody listens at the bootstrap address."""
    settings.KAFKA_BOOTSTRAP_SERVERS = f"127.0.0.1:{free_ports(1)}"


@pytest.mark.usefixtures("nobody")
def test_a_broker_that_is_away_costs_the_first_request_the_timeout_and_no_other(make: Make) -> None:
    producer = make("events", 6)
    assert producer.produce([(b"k", b"1"), (b"k", b"2")]) == [LOST, LOST]
    assert max(_timed(producer) for _ in range(30)) < 5


@pytest.mark.usefixtures("nobody")
def test_of_a_broker_that_answers_and_takes_nothing_one_request_at_a_time_waits(make: Make) -> None:
    producer = make("events", 5)
    producer._broker = BrokerWatch(lambda: None)
    producer._broker.tell(away=True)
    assert producer._broker._answers.wait(PATIENCE)
    with ThreadPoolExecutor(8) as threads:
        durations = list(threads.map(lambda _: _timed(producer), range(8)))
    assert sum(duration > 2.5 for duration in durations) == 1


def _timed(producer: EventProducer) -> float:
    started = time.monotonic()
    assert producer.produce([(b"k", b"v")]) == [LOST]
    return time.monotonic() - started


@pytest.mark.usefixtures("nobody")
def test_a_full_queue_ends_within_the_deadline(make: Make, settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"queue.buffering.max.messages": "10"}
    producer = make("events", 1)
    started = time.monotonic()
    assert producer.produce([(b"k", b"%d" % number) for number in range(30)]) == [LOST] * 30
    # Were it not one deadline for all of them, it would take ten times as long or more.
    assert time.monotonic() - started < 10


def test_a_broker_that_stops_and_comes_back(make: Make, tmp_path: Path, settings: Settings, real_kafka: str) -> None:  # noqa: ARG001 (skips without Java)
    broker = LocalKafka(tmp_path, free_ports(2), JARS)
    settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
    never = threading.Event()
    try:
        broker.start()
        broker.wait_ready(never)
        topic = ensure_topic(TopicSpec("events", 1, 7, 1)).name
        producer = make(topic, 8)
        assert producer.produce([(b"k", b"before")]) == [OK]
        broker.stop()
        assert producer.produce([(b"k", b"while it is away")]) == [LOST]
        broker.start()
        broker.wait_ready(never)
        wait_until(lambda: producer.produce([(b"k", b"after")]) == [OK])
        values = [message.value() for message in read_topic(topic)]
        assert values[0] == b"before"
        assert values[-1] == b"after"
    finally:
        broker.stop()


def test_after_a_fatal_error_a_new_producer_is_made(topic: str, caplog: pytest.LogCaptureFixture) -> None:
    first = shared_producer.get()
    assert first.produce([(b"k", b"1")]) == [OK]
    assert shared_producer.get() is first
    with caplog.at_level(logging.CRITICAL):
        first._on_error(KafkaError(KafkaError._FATAL, "out of order", fatal=True))
    second = shared_producer.get()
    assert second is not first
    assert second.produce([(b"k", b"2")]) == [OK]
    assert [message.value() for message in read_topic(topic)] == [b"1", b"2"]
    first._poller.join(PATIENCE)
    assert not first._poller.is_alive()


def test_a_forked_process_makes_its_own_producer(topic: str, settings: Settings) -> None:
    settings.PRODUCE_TIMEOUT = PATIENCE
    assert shared_producer.get().produce([(b"k", b"parent")]) == [OK]
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if shared_producer.get().produce([(b"k", b"child")]) == [OK] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert shared_producer.get().produce([(b"k", b"parent again")]) == [OK]
    assert [message.value() for message in read_topic(topic)] == [b"parent", b"child", b"parent again"]


def test_what_the_guarantee_rests_on_cannot_be_set_from_outside(settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"acks": "1", "enable.idempotence": "false", "linger.ms": "50"}
    config = producer_config(10)
    assert (config["acks"], config["enable.idempotence"]) == ("all", True)
    assert config["linger.ms"] == "50"
    assert config["delivery.timeout.ms"] == 8000


def test_wrong_settings_are_told(settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"no.such.setting": "1"}
    with pytest.raises(KafkaException, match=r"no\.such\.setting"):
        shared_producer.get()
