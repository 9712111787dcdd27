"""The producer in an event loop: as the collector uses it."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from pytest_django import Settings

from analytics_app.broker_watch import BrokerWatch
from analytics_app.deliveries import Batch, Delivery
from analytics_app.producer import EventProducer
from tests.analytics.topics import read_topic
from tests.conftest import free_ports
from tests.waiting import PATIENCE

OK = Delivery.ACKNOWLEDGED
LOST = Delivery.NOT_ACKNOWLEDGED
T = TypeVar("T")


def in_loop(topic: str, timeout: float, test: Callable[[EventProducer], Awaitable[T]]) -> T:
    """What `test` returns, run in an event loop that polls the producer."""

    async def run() -> T:
        producer = EventProducer(topic, timeout, asyncio.get_running_loop())
        try:
            return await test(producer)
        finally:
            await asyncio.to_thread(producer.close)

    return asyncio.run(run())


def values(topic: str) -> list[bytes]:
    return sorted(message.value() or b"" for message in read_topic(topic))


def message(text: str) -> tuple[bytes, bytes]:
    return b"k", text.encode()


@pytest.fixture
def nobody(settings: Settings) -> None:
    """Nobody listens at the bootstrap address."""
    settings.KAFKA_BOOTSTRAP_SERVERS = f"127.0.0.1:{free_ports(1)}"


def test_acknowledged_events_are_on_the_topic(topic: str) -> None:
    batches = [[message(f"{batch:02d}-{n}") for n in range(5)] for batch in range(50)]

    async def send(producer: EventProducer) -> list[list[Delivery]]:
        first = await producer.produce_soon(batches[0])
        # Requests that are under way together, and one after the loop had nothing to poll for.
        others = await asyncio.gather(*(producer.produce_soon(batch) for batch in batches[1:-1]))
        await asyncio.sleep(0.05)
        return [first, *others, await producer.produce_soon(batches[-1])]

    assert in_loop(topic, 60, send) == [[OK] * 5] * 50
    assert values(topic) == sorted(value for batch in batches for _, value in batch)
    in_order = [found.value() for found in read_topic(topic) if (found.value() or b"").startswith(b"07-")]
    assert in_order == [b"07-%d" % n for n in range(5)]


@pytest.mark.usefixtures("nobody")
def test_the_loop_goes_on_while_events_wait() -> None:
    """No call blocks the loop: it goes round many times while the broker does not answer."""
    rounds = 0

    async def go_round() -> None:
        nonlocal rounds
        while True:
            await asyncio.sleep(0.001)
            rounds += 1

    async def send(producer: EventProducer) -> None:
        going = asyncio.create_task(go_round())
        assert await producer.produce_soon([message("1")]) == [LOST]
        going.cancel()

    in_loop("events", 1, send)
    assert rounds > 20


def test_one_message_too_large_spoils_no_other(topic: str) -> None:
    async def send(producer: EventProducer) -> list[Delivery]:
        return await producer.produce_soon([message("1"), (b"k", b"x" * 2_000_000), message("2")])

    assert in_loop(topic, 60, send) == [OK, Delivery.REFUSED, OK]
    assert values(topic) == [b"1", b"2"]


def test_a_request_that_is_cancelled_harms_no_other(topic: str) -> None:
    async def send(producer: EventProducer) -> list[Delivery]:
        gone = asyncio.create_task(producer.produce_soon([message("gone")]))
        other = asyncio.create_task(producer.produce_soon([message("other")]))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return [*await other, *await producer.produce_soon([message("later")])]

    assert in_loop(topic, 60, send) == [OK, OK]
    # What was cancelled had been given to the client already: it may be there, once.
    assert values(topic) in ([b"gone", b"later", b"other"], [b"later", b"other"])


def test_what_finds_the_queue_full_is_sent_when_there_is_room(topic: str, settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"queue.buffering.max.messages": "7", "linger.ms": "20"}
    requests = [[message(f"{n}-{part}") for part in range(10)] for n in range(10)]
    requests[5][5] = (b"k", b"x" * 2_000_000)

    async def send(producer: EventProducer) -> list[list[Delivery]]:
        return await asyncio.gather(*(producer.produce_soon(messages) for messages in requests))

    expected = [[OK] * 10 for _ in requests]
    expected[5][5] = Delivery.REFUSED
    assert in_loop(topic, 60, send) == expected
    assert values(topic) == sorted(value for messages in requests for _, value in messages if len(value) < 10)


def test_a_request_leaves_nothing_behind_for_the_garbage_collector(topic: str) -> None:
    """It runs seldom under load: what only it can free would pile up."""

    def batches() -> int:
        return sum(type(found) is Batch for found in gc.get_objects())

    async def send(producer: EventProducer) -> int:
        gc.collect()
        gc.disable()
        try:
            before = batches()
            for n in range(20):
                assert await producer.produce_soon([message(f"{n}-{part}") for part in range(5)]) == [OK] * 5
            return batches() - before
        finally:
            gc.enable()

    assert in_loop(topic, 60, send) == 0


@pytest.mark.usefixtures("nobody")
def test_a_request_that_is_cancelled_while_it_tries_lets_the_next_one_try() -> None:
    async def send(producer: EventProducer) -> float:
        producer._broker = BrokerWatch(lambda: None)
        producer._broker.tell(away=True)
        assert producer._broker._answers.wait(PATIENCE)
        asking = asyncio.create_task(producer.produce_soon([message("2")]))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        started = time.monotonic()
        assert await producer.produce_soon([message("3")]) == [LOST]
        return time.monotonic() - started

    assert in_loop("events", 1, send) > 0.5


@pytest.mark.usefixtures("nobody")
def test_a_broker_that_is_away_costs_the_first_request_the_timeout_and_no_other() -> None:
    async def timed(producer: EventProducer) -> float:
        started = time.monotonic()
        assert await producer.produce_soon([message("1"), message("2")]) == [LOST, LOST]
        return time.monotonic() - started

    async def send(producer: EventProducer) -> list[float]:
        first = await timed(producer)
        return [first, *await asyncio.gather(*(timed(producer) for _ in range(8)))]

    first, *others = in_loop("events", 6, send)
    assert first > 5 > max(others)


@pytest.mark.usefixtures("nobody")
def test_a_full_queue_ends_within_the_deadline(settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"queue.buffering.max.messages": "10"}

    async def send(producer: EventProducer) -> list[Delivery]:
        return await producer.produce_soon([message(f"{n}") for n in range(30)])

    started = time.monotonic()
    assert in_loop("events", 1, send) == [LOST] * 30
    # Its end waits some seconds more for what is under way. Were it not one deadline for all of them, it would take
    # half a minute.
    assert time.monotonic() - started < 20


def test_a_queue_that_is_full_for_a_moment_loses_nothing(topic: str, settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"queue.buffering.max.messages": "10"}

    async def send(producer: EventProducer) -> list[Delivery]:
        both = (producer.produce_soon([message(f"{name}{n}") for n in range(30)]) for name in "ab")
        return [delivery for deliveries in await asyncio.gather(*both) for delivery in deliveries]

    assert in_loop(topic, 60, send) == [OK] * 60
    assert len(values(topic)) == 60


def test_a_thread_may_ask_too(topic: str) -> None:
    async def send(producer: EventProducer) -> list[Delivery]:
        return await asyncio.to_thread(producer.produce, [message("1"), message("2")])

    assert in_loop(topic, 60, send) == [OK, OK]
    assert values(topic) == [b"1", b"2"]


def test_without_a_loop_it_says_so(mock_kafka: str, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = mock_kafka
    producer = EventProducer("events", 1)
    try:
        with pytest.raises(RuntimeError, match="event loop"):
            asyncio.run(producer.produce_soon([message("1")]))
    finally:
        producer.close()
