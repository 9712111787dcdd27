"""The way of a request's events to the topic: body, validation, producer. It knows nothing of HTTP."""

from datetime import datetime
from typing import Final

import msgspec

from analytics_app.body import read_events
from analytics_app.producer import Delivery, EventProducer
from analytics_app.validation import Rejection, ValidEvent, validate

REFUSED_BY_BROKER: Final = "refused_by_broker"
NOT_ACKNOWLEDGED: Final = "not_acknowledged"
_MESSAGES: Final = {
    REFUSED_BY_BROKER: "The broker does not take this event, however often it is sent.",
    NOT_ACKNOWLEDGED: "The broker did not acknowledge this event in time; send it again with the same event_id.",
}


class IngestResult(msgspec.Struct, frozen=True):
    """What became of a request's events.

    `accepted` events were acknowledged by the broker with acks=all; every other one is in `rejected`,
    in the order of the request. `available` is False when some of those are worth sending again.
    """

    accepted: int
    rejected: list[Rejection]
    available: bool


def ingest(body: bytes, *, source: str, received_on: datetime, producer: EventProducer) -> IngestResult:
    """Take a request body in. Nothing is produced before the whole body was checked.

    Args:
        body: JSON: one event or a list of events.
        source: the name of the source that the write key belongs to.
        received_on: the server's time.
        producer: waits for the broker, at most for its timeout.

    Raises:
        BodyError: the body as a whole cannot be read; nothing was produced.
    """
    valid, rejected = validate(read_events(body), source=source, received_on=received_on)
    deliveries = producer.produce([(event.key, event.value) for event in valid]) if valid else []
    pairs = list(zip(valid, deliveries, strict=True))
    rejected += [_rejection(event, delivery) for event, delivery in pairs if delivery is not Delivery.ACKNOWLEDGED]
    return IngestResult(
        accepted=deliveries.count(Delivery.ACKNOWLEDGED),
        rejected=sorted(rejected, key=lambda rejection: rejection.index),
        available=Delivery.NOT_ACKNOWLEDGED not in deliveries,
    )


def _rejection(event: ValidEvent, delivery: Delivery) -> Rejection:
    code = REFUSED_BY_BROKER if delivery is Delivery.REFUSED else NOT_ACKNOWLEDGED
    return Rejection(event.index, event.event_id, code, _MESSAGES[code])
