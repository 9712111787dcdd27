"""How an event is built of a client's fields, and written to and read from the topic.

Most events need nothing but a look at their types, which msgspec takes all at once; only what that look does not
pass goes through the rules one by one, which convert, sort out and explain.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import convert

from brokerlytics.event import EVENT_VERSION, MAX_EVENT_BYTES, Event, InvalidEventError, Reason
from brokerlytics.event_checks import check_fields, check_text, check_time, check_value
from brokerlytics.timestamps import cut_to_milliseconds, is_storable

_TRAITS: Final = ("identify", "group", "alias")
_TIMES: Final = ("received_on", "created_on", "original_created_on")
_MONEY: Final = ("revenue", "currency")
_NUL: Final = b"\\u0000"


def build_event(fields: Mapping[str, Any], *, event_id: str, received_on: datetime) -> Event:
    """Check one event's fields and fill what may be missing.

    Args:
        fields: names of the contract with JSON values. Names that the contract lacks go to `context`.
            `sent_on`, the client's clock when it sent the event, corrects `created_on` for skew:
            created_on = received_on - (sent_on - original_created_on), as in Segment's HTTP API.
        event_id: taken when the client gave none.
        received_on: taken when `fields` has no `received_on`.

    Returns:
        An event whose text may still hold what cannot be stored: `encode_event` and `decode_event` look at that.

    Raises:
        InvalidEventError: with the first fault found.
    """
    try:
        values = dict(fields)
        _fill(values, event_id, received_on)
        return convert(values, Event)
    except (InvalidEventError, msgspec.ValidationError, UnicodeError):
        values = check_fields(fields)
        _fill(values, event_id, received_on)
        return Event(**values)


def _fill(values: dict[str, Any], event_id: str, received_on: datetime) -> None:
    if not (values.get("device_id") or values.get("user_id")):
        raise InvalidEventError(Reason.MISSING_FIELD, "device_id or user_id is required.", "device_id")
    values.pop("v", None)
    if values.get("event_id") is None:
        values["event_id"] = event_id
    if values.get("kind") is None:
        values["kind"] = "track"
    _fill_times(values, received_on)
    if "revenue" in values or "currency" in values or values.get("properties"):
        _fill_money(values)


def encode_event(event: Event) -> bytes:
    """The value for the topic: compact JSON.

    Raises InvalidEventError when it is larger than MAX_EVENT_BYTES, nested beyond what JSON tools read, or holds text
    that cannot be stored.
    """
    try:
        encoded = encode_json(event)
    except InvalidEventError:
        # It may be known which column is to blame.
        check_text(event)
        raise
    if _NUL in encoded:
        check_text(event)
    if len(encoded) > MAX_EVENT_BYTES:
        message = f"The event has {len(encoded)} bytes as JSON; at most {MAX_EVENT_BYTES} are taken."
        raise InvalidEventError(Reason.EVENT_TOO_LARGE, message)
    return encoded


def decode_event(value: bytes | None, *, event_id: str, received_on: datetime) -> Event:
    """Read a value from the topic, whoever put it there.

    `event_id` and `received_on` stand in where the producer gave none; pass what depends on the
    record alone, so that reading it again gives the same event.

    Raises InvalidEventError with the reason under which the record belongs to the dead letters.
    """
    if not value:
        raise InvalidEventError(Reason.EMPTY_VALUE, "The record has no value.")
    try:
        fields = msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEventError(Reason.NOT_JSON, f"The value is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidEventError(Reason.NOT_AN_OBJECT, "The value is JSON, but not an object.")
    version = fields.get("v", EVENT_VERSION)
    if version != EVENT_VERSION:
        message = f"Version {version!r} of the event contract; this feeder reads {EVENT_VERSION}."
        raise InvalidEventError(Reason.UNSUPPORTED_VERSION, message, "v")
    event = build_event(fields, event_id=event_id, received_on=received_on)
    if _NUL in value:
        check_text(event)
    return event


def encode_json(value: Mapping[str, Any] | Event) -> bytes:
    """Compact JSON in UTF-8; raises InvalidEventError for what JSON or UTF-8 cannot say."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeError, RecursionError, msgspec.MsgspecError, OverflowError) as error:
        message = "The event holds text that is not valid Unicode, or is nested too deeply."
        raise InvalidEventError(Reason.INVALID_VALUE, message) from error


def _fill_times(values: dict[str, Any], received_on: datetime) -> None:
    said = {name: check_time(name, values[name]) for name in _TIMES if values.get(name) is not None}
    received = said.get("received_on") or cut_to_milliseconds(received_on)
    client_time = said.get("created_on") or said.get("original_created_on")
    values["received_on"] = received
    values["original_created_on"] = said.get("original_created_on") or client_time or received
    values["created_on"] = client_time or received
    if sent_on := values.pop("sent_on", None):
        skew = received - check_time("sent_on", sent_on)
        # A time that the server made up has no skew.
        if client_time and is_storable(client_time + skew):
            values["created_on"] = client_time + skew


def _fill_money(values: dict[str, Any]) -> None:
    """Take revenue and currency from `properties` where the top level lacks them and they are valid there.

    Not of an identify or group, whose properties are traits: a company's yearly revenue was not earned by the event.
    """
    properties = values.get("properties")
    others = properties if isinstance(properties, dict) and values["kind"] not in _TRAITS else {}
    for name in _MONEY:
        if values.get(name) is not None:
            values[name] = check_value(name, values[name])
        elif others.get(name) is not None:
            try:
                values[name] = check_value(name, others[name])
            except InvalidEventError:
                continue
