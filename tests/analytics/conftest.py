"""A source, a producer that needs no broker, and a clean process-wide producer for every test."""

from collections.abc import Iterator, Sequence

import pytest

from analytics_app.models import Source
from analytics_app.producer import Delivery, shared_producer


class RecordingProducer:
    """Stands in for the producer where a test is not about Kafka; `outcomes` are for the next messages."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes]] = []
        self.outcomes: list[Delivery] = []

    def produce(self, messages: Sequence[tuple[bytes, bytes]]) -> list[Delivery]:
        self.messages += messages
        return [self.outcomes.pop(0) if self.outcomes else Delivery.ACKNOWLEDGED for _ in messages]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> RecordingProducer:
    producer = RecordingProducer()
    monkeypatch.setattr(shared_producer, "get", lambda: producer)
    return producer


@pytest.fixture(autouse=True)
def _fresh_producer() -> Iterator[None]:
    yield
    shared_producer.close()


@pytest.fixture
def source(db: None) -> Source:  # noqa: ARG001 (the source is in it)
    return Source.objects.create(name="web")
