"""Simulated events straight to the topic, without HTTP: their values are those that the checks would have made."""

from confluent_kafka import KafkaException

from analytics_app.deliveries import Delivery
from analytics_app.ingest import NOT_ACKNOWLEDGED, REFUSED_BY_BROKER
from analytics_app.producer import shared_producer
from analytics_app.simulation.api_sink import TRY_AGAIN_SECONDS, split
from analytics_app.simulation.sending import Message, SendResult, Sink, SinkError

_CODES = {Delivery.REFUSED: REFUSED_BY_BROKER, Delivery.NOT_ACKNOWLEDGED: NOT_ACKNOWLEDGED}


class KafkaSink(Sink):
    """Sends through the producer of this process: idempotent, acknowledged by all replicas."""

    def __init__(self, source: str) -> None:
        """`source`: the name that the events carry."""
        self.source = source

    def send(self, messages: list[Message]) -> SendResult:
        try:
            producer = shared_producer.get()
        except KafkaException as error:
            raise SinkError(f"Kafka's settings are not valid: {error.args[0].str()}") from None
        deliveries = producer.produce(messages)
        codes = {index: _CODES[delivery] for index, delivery in enumerate(deliveries) if delivery in _CODES}
        return split(messages, codes, TRY_AGAIN_SECONDS, "The broker did not acknowledge in time.")

    def close(self) -> None:
        """The producer belongs to the process."""
