"""Step 2 of an event's way: each event is checked by itself and encoded for the topic."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from uuid_utils import uuid7

from analytics_app.body import UnreadableEvent
from brokerlytics.event import Event, InvalidEventError, Reason, build_event, encode_event

DUPLICATE_EVENT_ID: Final = "duplicate_event_id"
# What the server says and a client cannot: kept in `context` under the same names.
_SERVER_FIELDS: Final = ("source", "received_on")
_MAX_ECHO: Final = 100


class Rejection(msgspec.Struct, frozen=True):
    """Why the event at `index` of the request was not taken; the codes are listed in docs/api.md."""

    index: int
    event_id: str | None
    code: str
    message: str
    field: str | None = None


class ValidEvent(msgspec.Struct, frozen=True):
    """An event that fits the contract, as the message for the topic."""

    index: int
    event_id: str
    key: bytes
    value: bytes


def validate(items: Iterable[Any], *, source: str, received_on: datetime) -> tuple[list[ValidEvent], list[Rejection]]:
    """Check every event; a bad one spoils no other.

    Of two events with the same `event_id` the first good one is taken: it is stored once at most.
    """
    valid: list[ValidEvent] = []
    rejected: list[Rejection] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        try:
            event = _build(item, source, received_on)
            value = encode_event(event)
        except InvalidEventError as error:
            rejected.append(Rejection(index, _claimed_id(item), error.reason, error.message, error.field))
            continue
        if event.event_id in seen:
            message = "The request holds an event with this event_id before this one."
            rejected.append(Rejection(index, event.event_id, DUPLICATE_EVENT_ID, message, "event_id"))
            continue
        seen.add(event.event_id)
        valid.append(ValidEvent(index, event.event_id, event.key, value))
    return valid, rejected


def _build(item: Any, source: str, received_on: datetime) -> Event:
    if isinstance(item, UnreadableEvent):
        raise InvalidEventError(Reason.INVALID_VALUE, item.message)
    if not isinstance(item, dict):
        raise InvalidEventError(Reason.NOT_AN_OBJECT, "An event must be a JSON object.")
    fields = {**item, "source": source, "received_on": received_on}
    claimed = {name: item[name] for name in _SERVER_FIELDS if item.get(name) is not None}
    context = item.get("context")
    if claimed and (context is None or isinstance(context, dict)):
        fields["context"] = claimed | (context or {})
    return build_event(fields, event_id=str(uuid7()), received_on=received_on)


def _claimed_id(item: Any) -> str | None:
    """The id that the client gave, where it can be said again in JSON."""
    event_id = item.get("event_id") if isinstance(item, dict) else None
    if isinstance(event_id, str) and event_id.isprintable():
        return event_id[:_MAX_ECHO] or None
    return None
