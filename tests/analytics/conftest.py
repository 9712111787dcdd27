"""A source, a producer that needs no broker, and nothing left in the process by the test before."""

from collections.abc import Iterator, Sequence

import pytest

from analytics_app import collect
from analytics_app.deliveries import Delivery
from analytics_app.models import Source
from analytics_app.observations import observations
from analytics_app.producer import shared_producer
from analytics_app.rate_limits import RateLimits
from analytics_app.sources import source_cache


class RecordingProducer:
    """Stands in for the producer where a test is not about Kafka; `outcomes` are for the next messages."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes]] = []
        self.outcomes: list[Delivery] = []

    def produce(self, messages: Sequence[tuple[bytes, bytes]]) -> list[Delivery]:
        self.messages += messages
        return [self.outcomes.pop(0) if self.outcomes else Delivery.ACKNOWLEDGED for _ in messages]

    async def produce_soon(self, messages: Sequence[tuple[bytes, bytes]]) -> list[Delivery]:
        return self.produce(messages)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> RecordingProducer:
    producer = RecordingProducer()
    monkeypatch.setattr(shared_producer, "get", lambda: producer)
    return producer


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # What a test did to the database was rolled back, which tells no cache.
    source_cache.forget()
    observations.forget()
    monkeypatch.setattr(collect, "_limits", RateLimits())
    yield
    shared_producer.close()


@pytest.fixture
def source(db: None) -> Source:  # noqa: ARG001 (the source is in it)
    return Source.objects.create(name="web")
