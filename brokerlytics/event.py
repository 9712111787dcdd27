"""The event contract: what an event holds, on the topic and in the CSV.

`docs/event.md` says the same in prose; a test holds the two together.
The value on the topic is one JSON object with `v` (the contract's version) and the fields below,
nulls left out. The key is `Event.key`, so that one person's events stay in order and a retry lands
in the same partition.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from brokerlytics.timestamps import cut_to_milliseconds, parse_timestamp

EVENT_VERSION: Final = 1
MAX_EVENT_BYTES: Final = 32 * 1024
MAX_REVENUE: Final = 1e12

START_SESSION: Final = "START_SESSION"
END_SESSION: Final = "END_SESSION"
REVENUE: Final = "REVENUE"

Kind = Literal["track", "page", "screen", "identify", "group", "alias"]
KINDS: Final[tuple[str, ...]] = ("track", "page", "screen", "identify", "group", "alias")

FieldType = Literal["id", "text", "time", "kind", "currency", "number", "object"]


class Reason(StrEnum):
    """Why an event is refused: the `code` of a rejection and the `reason` of a dead letter."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    EMPTY_VALUE = "empty_value"
    UNSUPPORTED_VERSION = "unsupported_version"
    MISSING_FIELD = "missing_field"
    INVALID_TYPE = "invalid_type"
    INVALID_VALUE = "invalid_value"
    TOO_LONG = "too_long"
    EVENT_TOO_LARGE = "event_too_large"


@dataclass(frozen=True, slots=True)
class EventField:
    """One field: its name on the topic and in the CSV, its type, and its longest text (characters)."""

    name: str
    type: FieldType
    max_length: int = 0


FIELDS: Final[tuple[EventField, ...]] = (
    EventField("event_id", "id", 100),
    EventField("kind", "kind"),
    EventField("event_type", "text", 200),
    EventField("device_id", "id", 200),
    EventField("user_id", "id", 200),
    EventField("session_id", "id", 200),
    EventField("created_on", "time"),
    EventField("original_created_on", "time"),
    EventField("received_on", "time"),
    EventField("source", "text", 100),
    EventField("platform", "text", 100),
    EventField("app_version", "text", 100),
    EventField("os", "text", 100),
    EventField("browser", "text", 100),
    EventField("device_type", "text", 100),
    EventField("locale", "text", 100),
    EventField("country", "text", 100),
    EventField("page_url", "text", 4096),
    EventField("page_path", "text", 2048),
    EventField("page_title", "text", 1024),
    EventField("referrer", "text", 4096),
    EventField("utm_source", "text", 500),
    EventField("utm_medium", "text", 500),
    EventField("utm_campaign", "text", 500),
    EventField("revenue", "number"),
    EventField("currency", "currency"),
    EventField("properties", "object"),
    EventField("context", "object"),
)
_FIELD_BY_NAME: Final = {field.name: field for field in FIELDS}
_TRAITS: Final = ("identify", "group", "alias")
_NOT_KEPT: Final = ("v", "sent_on")
_SENT_ON: Final = EventField("sent_on", "time")
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
# NUL ends strings in many readers of CSV; a lone surrogate cannot be written as UTF-8 at all.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


class InvalidEventError(Exception):
    """The event does not fit the contract; says why, in which field, and what to do."""

    def __init__(self, reason: Reason, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=EVENT_VERSION):
    """One event that fits the contract. Times are aware UTC datetimes."""

    event_id: str
    kind: str
    event_type: str
    device_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    created_on: datetime
    original_created_on: datetime
    received_on: datetime
    source: str | None = None
    platform: str | None = None
    app_version: str | None = None
    os: str | None = None
    browser: str | None = None
    device_type: str | None = None
    locale: str | None = None
    country: str | None = None
    page_url: str | None = None
    page_path: str | None = None
    page_title: str | None = None
    referrer: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    revenue: float | None = None
    currency: str | None = None
    properties: dict[str, Any] = {}
    context: dict[str, Any] = {}

    @property
    def key(self) -> bytes:
        """The Kafka message key: the device, else the user."""
        return (self.device_id or self.user_id or "").encode()


def build_event(fields: Mapping[str, Any], *, event_id: str, received_on: datetime) -> Event:
    """Check one event's fields and fill what may be missing.

    Args:
        fields: names of the contract with JSON values. Names that the contract lacks go to `context`.
            `sent_on`, the client's clock when it sent the event, corrects `created_on` for skew:
            created_on = received_on - (sent_on - original_created_on), as in Segment's HTTP API.
        event_id: taken when the client gave none.
        received_on: taken when `fields` has no `received_on`.

    Raises:
        InvalidEventError: with the first fault found.
    """
    values, unknown = _check_fields(fields)
    if "event_type" not in values:
        raise InvalidEventError(Reason.MISSING_FIELD, "event_type is required: the event's name.", "event_type")
    if "device_id" not in values and "user_id" not in values:
        raise InvalidEventError(Reason.MISSING_FIELD, "device_id or user_id is required.", "device_id")
    if unknown:
        values["context"] = {**unknown, **values.get("context", {})}
    values.setdefault("event_id", event_id)
    values.setdefault("kind", "track")
    values.setdefault("received_on", cut_to_milliseconds(received_on))
    _fill_times(values, fields.get("sent_on"))
    _fill_revenue(values)
    return Event(**values)


def _check_fields(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of the contract's fields, checked, and everything else."""
    values: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for name, value in fields.items():
        if value is None or value == "":
            continue
        field = _FIELD_BY_NAME.get(name)
        if field is None:
            if name not in _NOT_KEPT:
                unknown[name] = value
        # Most values are short plain text, for which nothing else has to be called.
        elif type(value) is str and len(value) <= field.max_length and value.isprintable():
            values[name] = value
        else:
            values[name] = _CHECKS[field.type](field, value)
    return values, unknown


def encode_event(event: Event) -> bytes:
    """The value for the topic: compact JSON.

    Raises InvalidEventError when it is larger than MAX_EVENT_BYTES or nested beyond what JSON tools read.
    """
    encoded = encode_json(event)
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
    return build_event(fields, event_id=event_id, received_on=received_on)


def encode_json(value: Mapping[str, Any] | Event) -> bytes:
    """Compact JSON in UTF-8; raises InvalidEventError for what JSON or UTF-8 cannot say."""
    try:
        encoded = msgspec.json.encode(value)
        encoded.decode()
    except (UnicodeError, RecursionError, msgspec.MsgspecError, OverflowError) as error:
        message = "The event holds text that is not valid Unicode, or is nested too deeply."
        raise InvalidEventError(Reason.INVALID_VALUE, message) from error
    return encoded


def _text(field: EventField, value: Any) -> str:
    if field.type == "id" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{field.name} must be a string.", field.name)
    if len(value) > field.max_length:
        message = f"{field.name} has {len(value)} characters; at most {field.max_length} are taken."
        raise InvalidEventError(Reason.TOO_LONG, message, field.name)
    if _UNSTORABLE.search(value):
        message = f"{field.name} holds a NUL character or half of a surrogate pair."
        raise InvalidEventError(Reason.INVALID_VALUE, message, field.name)
    return value


def _kind(field: EventField, value: Any) -> Any:
    if value not in KINDS:
        raise InvalidEventError(Reason.INVALID_VALUE, f"kind must be one of {', '.join(KINDS)}.", field.name)
    return value


def _time(field: EventField, value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    message = f"{field.name} must be an ISO 8601 time from 1970 to 2099, such as 2026-08-22T09:30:00.123Z."
    if not isinstance(value, str):
        raise InvalidEventError(Reason.INVALID_TYPE, message, field.name)
    try:
        return parse_timestamp(value)
    except (ValueError, OverflowError) as error:
        raise InvalidEventError(Reason.INVALID_VALUE, message, field.name) from error


def _number(field: EventField, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{field.name} must be a number.", field.name)
    if not -MAX_REVENUE <= value <= MAX_REVENUE:
        raise InvalidEventError(Reason.INVALID_VALUE, f"{field.name} must be within ±{MAX_REVENUE:.0e}.", field.name)
    return round(float(value), 6)


def _currency(field: EventField, value: Any) -> str:
    code = _text(EventField(field.name, "text", 3), value)
    if not _CURRENCY.fullmatch(code):
        raise InvalidEventError(Reason.INVALID_VALUE, "currency must be a three-letter code such as EUR.", field.name)
    return code.upper()


def _object(field: EventField, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{field.name} must be a JSON object.", field.name)
    return value


_CHECKS: Final[Mapping[FieldType, Callable[[EventField, Any], Any]]] = {
    "id": _text,
    "text": _text,
    "time": _time,
    "kind": _kind,
    "currency": _currency,
    "number": _number,
    "object": _object,
}


def _fill_times(values: dict[str, Any], sent_on: Any) -> None:
    client_time = values.get("created_on") or values.get("original_created_on")
    values.setdefault("created_on", client_time or values["received_on"])
    values.setdefault("original_created_on", values["created_on"])
    skew = values["received_on"] - _time(_SENT_ON, sent_on) if sent_on else None
    # A time that the server made up has no skew.
    if skew and client_time:
        values["created_on"] = _in_range(client_time, skew)


def _in_range(created_on: datetime, skew: timedelta) -> datetime:
    try:
        return parse_timestamp((created_on + skew).isoformat())
    except (ValueError, OverflowError):
        return created_on


def _fill_revenue(values: dict[str, Any]) -> None:
    """Take revenue and currency from `properties` where the top level lacks them and they are valid there.

    The properties of an identify or group are traits: a company's yearly revenue was not earned by the event.
    """
    if values["kind"] in _TRAITS:
        return
    properties = values.get("properties", {})
    for name in ("revenue", "currency"):
        if name in values or properties.get(name) is None:
            continue
        try:
            field = _FIELD_BY_NAME[name]
            values[name] = _CHECKS[field.type](field, properties[name])
        except InvalidEventError:
            continue
