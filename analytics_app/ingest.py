"""The way of a request's events to the topic: body, validation, producer. It knows nothing of HTTP."""

from collections.abc import Sequence
from typing import Final

import msgspec

from analytics_app.body import check_events
from analytics_app.deliveries import Delivery
from analytics_app.reading import Reading
from analytics_app.validation import Rejection, Sender, ValidEvent, validate

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


class Intake(msgspec.Struct, frozen=True):
    """A request's events, all of them checked, before any is produced."""

    valid: list[ValidEvent]
    rejected: list[Rejection]

    @property
    def messages(self) -> list[tuple[bytes, bytes]]:
        """Key and value of each valid event, for the producer."""
        return [(event.key, event.value) for event in self.valid]

    def result(self, deliveries: Sequence[Delivery]) -> IngestResult:
        """The outcome, given what became of each of `messages`."""
        accepted = deliveries.count(Delivery.ACKNOWLEDGED)
        if accepted == len(deliveries):
            return IngestResult(accepted, self.rejected, available=True)
        failed = [
            _rejection(event, delivery)
            for event, delivery in zip(self.valid, deliveries, strict=True)
            if delivery is not Delivery.ACKNOWLEDGED
        ]
        return IngestResult(
            accepted,
            sorted(self.rejected + failed, key=lambda rejection: rejection.index),
            available=Delivery.NOT_ACKNOWLEDGED not in deliveries,
        )


def check(reading: Reading, sender: Sender) -> Intake:
    """Check a request's events. Raises BodyError when it holds none, or too many."""
    check_events(reading.items)
    return Intake(*validate(reading, sender))


def _rejection(event: ValidEvent, delivery: Delivery) -> Rejection:
    code = REFUSED_BY_BROKER if delivery is Delivery.REFUSED else NOT_ACKNOWLEDGED
    return Rejection(event.index, event.event_id, code, _MESSAGES[code])
