"""Step 2 of an event's way: each event is checked by itself and encoded for the topic."""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from uuid_utils import uuid7

from analytics_app.enrichment import add_flag, enrich
from analytics_app.geoip import country_of
from analytics_app.reading import Reading
from brokerlytics.event import Event, InvalidEventError
from brokerlytics.event_codec import build_event, encode_event

DUPLICATE_EVENT_ID: Final = "duplicate_event_id"
# What the server says and a client cannot: kept in `context` under the same names.
_SERVER_FIELDS: Final = ("source", "received_on")
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
            event = _build(reading.fields(item), sender)
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


def _build(fields: dict[str, Any], sender: Sender) -> Event:
    context = fields.get("context")
    if context is None or isinstance(context, dict):
        fields["context"] = context = _own_context(fields, context)
        ip = _take_ip(fields, context) or sender.ip
        enrich(fields, user_agent=sender.user_agent, country=country_of(ip) if ip else None)
    fields["source"] = sender.source
    fields["received_on"] = sender.received_on
    return build_event(fields, event_id=str(uuid7()), received_on=sender.received_on)


def _own_context(fields: dict[str, Any], context: dict[str, Any] | None) -> dict[str, Any]:
    """A new one, which keeps what the client says in the server's place."""
    claimed = {name: fields[name] for name in _SERVER_FIELDS if fields.get(name) is not None}
    return claimed | (context or {})


def _take_ip(fields: dict[str, Any], context: dict[str, Any]) -> str:
    """The address that the client says; it is kept nowhere."""
    said = [holder.pop(name) for holder, name in ((fields, "_ip"), (fields, "ip"), (context, "ip")) if name in holder]
    return next((ip for ip in said if isinstance(ip, str)), "") if said else ""


def _claimed_id(item: Any) -> str | None:
    """The id that the client gave, where it can be said again in JSON."""
    if not isinstance(item, dict):
        return None
    event_id = item.get("event_id") or item.get("messageId") or item.get("uuid")
    if isinstance(event_id, str) and event_id.isprintable():
        return event_id[:_MAX_ECHO] or None
    return None
