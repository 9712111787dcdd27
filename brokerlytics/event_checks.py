"""The rules for the values of an event's fields, each with what it says when a value breaks it."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from brokerlytics.event import (
    FIELD_BY_NAME,
    FIELDS,
    KINDS,
    MAX_REVENUE,
    ClientEvent,
    Event,
    EventField,
    FieldType,
    InvalidEventError,
    Reason,
)
from brokerlytics.timestamps import parse_timestamp, to_storable

_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
# NUL ends strings in many readers of CSV; a lone surrogate cannot be written as UTF-8 at all.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def check_fields(fields: Mapping[str, Any]) -> ClientEvent:
    """The event that `fields` say. What is empty is left out; what the contract does not name goes to `context`.

    Raises InvalidEventError with the first fault found.
    """
    values: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for name, value in fields.items():
        if value is None or value == "":
            continue
        if name in FIELD_BY_NAME:
            values[name] = check_value(name, value)
        elif name == "sent_on":
            values[name] = check_time(name, value)
        elif name != "v":
            unknown[name] = value
    if "event_type" not in values:
        raise InvalidEventError(Reason.MISSING_FIELD, "event_type is required: the event's name.", "event_type")
    if unknown:
        values["context"] = {**unknown, **values.get("context", {})}
    return ClientEvent(**values)


def check_value(name: str, value: Any) -> Any:
    """The value of the contract's field `name` as an Event has it. Raises InvalidEventError."""
    field = FIELD_BY_NAME[name]
    return _CHECKS[field.type](field, value)


def check_text(event: Event) -> None:
    """Raises InvalidEventError when a column of text holds what cannot be stored."""
    for field in FIELDS:
        if isinstance(value := getattr(event, field.name), str):
            _check_storable(field, value)


def check_time(name: str, value: Any) -> datetime:
    """A time of the client, as text or read already. Raises InvalidEventError."""
    try:
        return to_storable(value) if isinstance(value, datetime) else parse_timestamp(value)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"{name} must be an ISO 8601 time from 1970 to 2099, such as 2026-08-22T09:30:00.123Z."
        reason = Reason.INVALID_VALUE if isinstance(value, str | datetime) else Reason.INVALID_TYPE
        raise InvalidEventError(reason, message, name) from error


def _check_storable(field: EventField, value: str) -> None:
    if _UNSTORABLE.search(value):
        message = f"{field.name} holds a NUL character or half of a surrogate pair."
        raise InvalidEventError(Reason.INVALID_VALUE, message, field.name)


def _text(field: EventField, value: Any) -> str:
    if field.type == "id" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{field.name} must be a string.", field.name)
    if len(value) > field.max_length:
        message = f"{field.name} has {len(value)} characters; at most {field.max_length} are taken."
        raise InvalidEventError(Reason.TOO_LONG, message, field.name)
    _check_storable(field, value)
    return value


def _kind(field: EventField, value: Any) -> Any:
    if value not in KINDS:
        raise InvalidEventError(Reason.INVALID_VALUE, f"kind must be one of {', '.join(KINDS)}.", field.name)
    return value


def _time(field: EventField, value: Any) -> datetime:
    return check_time(field.name, value)


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
