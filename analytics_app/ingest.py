"""The way of a request's events to the topic: body, validation, producer. It knows nothing of HTTP."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from analytics_app.body import check_events
from analytics_app.deliveries import Delivery
from analytics_app.reading import Reading
from analytics_app.validation import Rejection, Sender, validate

REFUSED_BY_BROKER: Final = "refused_by_broker"
NOT_ACKNOWLEDGED: Final = "not_acknowledged"
_MESSAGES: Final = {
    REFUSED_BY_BROKER: "The broker does not take this event, however often it is sent.",
    NOT_ACKNOWLEDGED: "The broker did not acknowledge this event in time; send it again with the same event_id.",
}


class _Identified(msgspec.Struct):
    event_id: str


_identified: Final = msgspec.json.Decoder(_Identified).decode


class IngestResult(msgspec.Struct, frozen=True):
    """What became of a request's events.

    `accepted` events were acknowledged by the broker with acks=all; every other one is in `rejected`,
    in the order of the request. `available` is False when some of those are worth sending again.
    """

    accepted: int
    rejected: list[Rejection]
    available: bool


class Intake(msgspec.Struct, frozen=True):
    """A request's events, all of them checked, before any is produced.

    Attributes:
        indexes: of the valid events in the request, ascending.
        messages: key and value of each valid event, for the producer.
        rejected: the other ones.
        items: all events as they were sent, where any is rejected.
    """

    indexes: Sequence[int]
    messages: list[tuple[bytes, bytes]]
    rejected: list[Rejection]
    items: Sequence[Any] = ()

    @property
    def count(self) -> int:
        return len(self.messages) + len(self.rejected)

    def excerpt(self, index: int) -> Any:
        """The event at `index` of the request for people to look at: what was to be produced, else what was sent."""
        place = bisect_left(self.indexes, index)
        valid = place < len(self.indexes) and self.indexes[place] == index
        return self.messages[place][1] if valid else self.items[index]

    def result(self, deliveries: Sequence[Delivery]) -> IngestResult:
        """The outcome, given what became of each of `messages`."""
        accepted = deliveries.count(Delivery.ACKNOWLEDGED)
        if accepted == len(deliveries):
            return IngestResult(accepted, self.rejected, available=True)
        failed = [
            _rejection(index, value, delivery)
            for index, (_, value), delivery in zip(self.indexes, self.messages, deliveries, strict=True)
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
    valid, rejected = validate(reading, sender)
    messages = [(event.key, event.value) for event in valid]
    if not rejected:
        return Intake(range(len(valid)), messages, rejected)
    return Intake([event.index for event in valid], messages, rejected, reading.items)


def _rejection(index: int, value: bytes, delivery: Delivery) -> Rejection:
    code = REFUSED_BY_BROKER if delivery is Delivery.REFUSED else NOT_ACKNOWLEDGED
    return Rejection(index, _identified(value).event_id, code, _MESSAGES[code])
