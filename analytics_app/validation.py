"""Step 2 of an event's way: each event is checked by itself and encoded for the topic."""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from uuid_utils import uuid7

from analytics_app.enrichment import add_flag, enrich
from analytics_app.geoip import country_of
from analytics_app.mapping.values import IP
from analytics_app.reading import Reading
from brokerlytics.event import NEVER, ClientEvent, Event, InvalidEventError
from brokerlytics.event_codec import client_event, complete, encode_event

DUPLICATE_EVENT_ID: Final = "duplicate_event_id"
ADDRESSES: Final = (IP, "ip")
_MAX_ECHO: Final = 100
FROM_THE_FUTURE: Final = "future"
# Clocks that nobody set run ahead by less than this.
FUTURE: Final = timedelta(minutes=5)


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


class Sender(msgspec.Struct, frozen=True):
    """What the server knows of a request: the source's name, its own clock, and of the client's machine."""

    source: str
    received_on: datetime
    user_agent: str = ""
    ip: str = ""


def validate(reading: Reading, sender: Sender) -> tuple[list[ValidEvent], list[Rejection]]:
    """Check every event; a bad one spoils no other.

    Of two events with the same `event_id` the first good one is taken: it is stored once at most.
    """
    valid: list[ValidEvent] = []
    rejected: list[Rejection] = []
    seen: set[str] = set()
    latest = sender.received_on + FUTURE
    for index, item in enumerate(reading.items):
        try:
            event = _build(item, reading, sender)
            if event.created_on > latest:
                add_flag(event.context, FROM_THE_FUTURE)
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


def _build(item: Any, reading: Reading, sender: Sender) -> Event:
    if isinstance(item, ClientEvent):
        event, ip = item, ""
    else:
        fields = reading.fields(item)
        ip = _take_ip(fields)
        event = client_event(fields)
    if event.source or event.received_on is not NEVER:
        _move_claims(event)
    if event.context:
        ip = _take_ip(event.context) or ip
    ip = ip or sender.ip
    enrich(event, user_agent=sender.user_agent, country=country_of(ip) if ip else None)
    event.source = sender.source
    return complete(event, event_id=event.event_id or str(uuid7()), received_on=sender.received_on)


def _move_claims(event: Event) -> None:
    """What the server says and a client cannot goes to `context`, under the same names."""
    if event.source:
        event.context.setdefault("source", event.source)
    if event.received_on is not NEVER:
        event.context.setdefault("received_on", event.received_on)
        event.received_on = NEVER


def _take_ip(holder: dict[str, Any]) -> str:
    """The address that the client says; it is kept nowhere."""
    said = [holder.pop(name) for name in ADDRESSES if name in holder]
    return next((ip for ip in said if isinstance(ip, str)), "") if said else ""


def _claimed_id(item: Any) -> str | None:
    """The id that the client gave, where it can be said again in JSON."""
    if not isinstance(item, dict):
        return None
    event_id = item.get("event_id") or item.get("messageId") or item.get("uuid")
    if isinstance(event_id, str) and event_id.isprintable():
        return event_id[:_MAX_ECHO] or None
    return None
