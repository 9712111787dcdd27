"""Batches to the broker: nothing is skipped, and nothing counts before it is acknowledged."""

import threading
from collections.abc import Sequence
from typing import Final, Protocol

from confluent_kafka import KafkaException

from analytics_app.deliveries import Delivery
from analytics_app.importing.batches import Message
from analytics_app.importing.errors import ImportFileError
from analytics_app.producer import shared_producer

_TRY_AGAIN_SECONDS: Final = 1.0


class Sender(Protocol):
    """Where the messages go. `problem` says why it waits, empty when it does not."""

    problem: str

    def send(self, messages: Sequence[Message], stop: threading.Event) -> list[Delivery]: ...


class KafkaSender:
    """Sends through the producer of this process; tries again for as long as the broker is away."""

    def __init__(self, wait: float = _TRY_AGAIN_SECONDS) -> None:
        self.problem = ""
        self._wait = wait

    def send(self, messages: Sequence[Message], stop: threading.Event) -> list[Delivery]:
        """What became of each message; NOT_ACKNOWLEDGED only when `stop` was set before the broker answered.

        Raises ImportFileError when Kafka's settings are not valid.
        """
        deliveries = [Delivery.NOT_ACKNOWLEDGED] * len(messages)
        left = list(range(len(messages)))
        while left:
            for index, delivery in zip(left, _produce([messages[i] for i in left]), strict=True):
                deliveries[index] = delivery
            left = [index for index in left if deliveries[index] is Delivery.NOT_ACKNOWLEDGED]
            self.problem = f"the broker did not acknowledge {len(left)} events; trying again" if left else ""
            if left and stop.wait(self._wait):
                break
        return deliveries


class DrySender:
    """Sends nothing and says that all is well."""

    problem = ""

    def send(self, messages: Sequence[Message], _stop: threading.Event) -> list[Delivery]:
        return [Delivery.ACKNOWLEDGED] * len(messages)


def _produce(messages: Sequence[Message]) -> list[Delivery]:
    try:
        producer = shared_producer.get()
    except KafkaException as error:
        raise ImportFileError(f"Kafka's settings are not valid: {error.args[0].str()}") from None
    return producer.produce(messages)
