"""How an event is built of a client's fields, and written to and read from the topic.

Most events need nothing but a look at their types, which msgspec takes all at once; only what that look does not
pass goes through the rules one by one, which convert, sort out and explain.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import convert

from brokerlytics.event import (
    EVENT_VERSION,
    MAX_EVENT_BYTES,
    NEVER,
    TRAIT_KINDS,
    ClientEvent,
    Event,
    InvalidEventError,
    Reason,
)
from brokerlytics.event_checks import check_fields, check_text, check_time, check_value
from brokerlytics.timestamps import cut_to_milliseconds, is_storable

_MONEY: Final = ("revenue", "currency")
_encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(ClientEvent)
_NUL: Final = b"\\u0000"
# What encoding raises for what JSON or UTF-8 cannot say.
_UNSAYABLE: Final = (UnicodeError, RecursionError, msgspec.MsgspecError, OverflowError)


def build_event(fields: Mapping[str, Any], *, event_id: str, received_on: datetime) -> Event:
    """Check one event's fields and fill what may be missing: `client_event` and `complete` in one."""
    return complete(client_event(fields), event_id=event_id, received_on=received_on)


def client_event(fields: Mapping[str, Any]) -> ClientEvent:
    """The event that a client's fields say.

    Its text may still hold what cannot be stored: `encode_event` and `decode_event` look at that.

    Args:
        fields: names of the contract with JSON values, and `sent_on`. Names that the contract lacks go to `context`.

    Raises:
        InvalidEventError: with the first fault found.
    """
    try:
        return convert({name: value for name, value in fields.items() if value is not None}, ClientEvent)
    except (msgspec.ValidationError, UnicodeError):
        return check_fields(fields)


def complete(event: ClientEvent, *, event_id: str, received_on: datetime) -> Event:
    """Fill in what the client did not say; `event` itself, changed.

    `sent_on`, the client's clock when it sent the event, corrects `created_on` for skew:
    created_on = received_on - (sent_on - original_created_on), as in Segment's HTTP API.

    Args:
        event: what `client_event` gave.
        event_id: taken when the client gave none.
        received_on: taken when the event has none.

    Raises:
        InvalidEventError: nobody is named, or a time or an amount of money is not within the contract's limits.
    """
    if not (event.device_id or event.user_id):
        raise InvalidEventError(Reason.MISSING_FIELD, "device_id or user_id is required.", "device_id")
    if not event.event_id:
        event.event_id = event_id
    if not event.kind:
        event.kind = "track"
    _fill_times(event, received_on)
    if event.revenue is not None:
        event.revenue = check_value("revenue", event.revenue)
    if event.currency is not None:
        event.currency = check_value("currency", event.currency)
    properties = event.properties
    if properties and ("revenue" in properties or "currency" in properties) and event.kind not in TRAIT_KINDS:
        _fill_money(event, properties)
    return event


def _fill_times(event: ClientEvent, received_on: datetime) -> None:
    created, original, received = event.created_on, event.original_created_on, event.received_on
    if original is NEVER and received is NEVER and created is not NEVER and not event.sent_on:
        # As nearly every event comes.
        event.created_on = event.original_created_on = check_time("created_on", created)
        event.received_on = cut_to_milliseconds(received_on)
        return
    received = cut_to_milliseconds(received_on) if received is NEVER else check_time("received_on", received)
    if original is not NEVER:
        original = check_time("original_created_on", original)
    created = original if created is NEVER else check_time("created_on", created)
    # A time that the server makes up has no skew.
    skew = received - check_time("sent_on", event.sent_on) if event.sent_on else None
    corrected = created + skew if skew and created is not NEVER else None
    if created is NEVER:
        created = received
    event.received_on = received
    event.original_created_on = created if original is NEVER else original
    event.created_on = corrected if corrected and is_storable(corrected) else created
    event.sent_on = None


def _fill_money(event: Event, properties: dict[str, Any]) -> None:
    """Take revenue and currency from `properties` where the top level lacks them and they are valid there.

    Not of an identify or group, whose properties are traits: a company's yearly revenue was not earned by the event.
    """
    for name in _MONEY:
        if getattr(event, name) is None and properties.get(name) is not None:
            with suppress(InvalidEventError):
                setattr(event, name, check_value(name, properties[name]))


def encode_event(event: Event) -> bytes:
    """The value for the topic: compact JSON.

    Raises InvalidEventError when it is larger than MAX_EVENT_BYTES, nested beyond what JSON tools read, or holds text
    that cannot be stored.
    """
    try:
        encoded = _encode(event)
    except _UNSAYABLE as error:
        # It may be known which column is to blame.
        check_text(event)
        raise _unsayable() from error
    if _may_hold_nul(encoded):
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
    event = complete(_read(value), event_id=event_id, received_on=received_on)
    if value and _may_hold_nul(value):
        check_text(event)
    return event


def _read(value: bytes | None) -> ClientEvent:
    if not value:
        raise InvalidEventError(Reason.EMPTY_VALUE, "The record has no value.")
    try:
        return _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return client_event(_read_tolerantly(value))


def _read_tolerantly(value: bytes) -> dict[str, Any]:
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
    return fields


def _may_hold_nul(encoded: bytes) -> bool:
    """Whether a text in this JSON may hold a NUL, which `check_text` has to look for."""
    # One byte is found far sooner than six, and few events have a backslash.
    return b"\\" in encoded and _NUL in encoded


def encode_json(value: Mapping[str, Any] | Event) -> bytes:
    """Compact JSON in UTF-8; raises InvalidEventError for what JSON or UTF-8 cannot say."""
    try:
        return _encode(value)
    except _UNSAYABLE as error:
        raise _unsayable() from error


def _unsayable() -> InvalidEventError:
    message = "The event holds text that is not valid Unicode, or is nested too deeply."
    return InvalidEventError(Reason.INVALID_VALUE, message)
