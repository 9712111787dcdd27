"""What the mappings share: values of a client whose types nobody promised."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from brokerlytics.event import FIELDS, InvalidEventError, Reason
from brokerlytics.timestamps import EARLIEST, LATEST, from_milliseconds, parse_timestamp

NOTHING: Final[Mapping[str, Any]] = {}
# The key under which a mapping hands out the client's IP address. It is taken off before the event is built.
IP: Final = "_ip"
LONGEST: Final = {field.name: field.max_length for field in FIELDS}

_SENT: Final = ("sentAt", "sent_at", "$sent_at")
# As the event contract has it: NUL, and half of a surrogate pair.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_BIGGEST_NUMBER: Final = 1e15
_SHORTEST_EPOCH: Final = 9
_BIGGEST_ID: Final = 10 ** LONGEST["user_id"]
_LATEST: Final = (LATEST - EARLIEST) // timedelta(milliseconds=1)
# As seconds this is the year 5138, as milliseconds March 1973.
_SECONDS_END: Final = 1e11


def text(value: Any, longest: int) -> str | None:
    """A value as text for a column, cut to `longest` characters; None when it is no text or cannot be stored."""
    if value.__class__ is not str:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _BIGGEST_NUMBER:
            return None
        value = str(value)
    if len(value) > longest:
        value = value[:longest]
    return value if _is_storable(value) else None


def part(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object that `holder` has under `name`; an empty one where it has none."""
    value = holder.get(name)
    return value if isinstance(value, dict) else NOTHING


def fill(fields: dict[str, Any], source: Mapping[str, Any], columns: Iterable[tuple[str, str]]) -> None:
    """Give columns that have no value yet the text that `source` has under (its name, the column's name)."""
    for name, column in columns:
        value = source.get(name)
        if value and column not in fields and (taken := text(value, LONGEST[column])):
            fields[column] = taken


def free_name(holder: Mapping[str, Any], name: str) -> str:
    """`name`, behind as many underscores as it takes for `holder` not to have it."""
    while name in holder:
        name = f"_{name}"
    return name


def name_and_version(name: Any, version: Any) -> str | None:
    """An operating system, such as "iOS 17.1"; without a name there is none."""
    longest = LONGEST["os"]
    if not isinstance(name, str) or not name:
        return None
    number = text(version, longest)
    return text(f"{name} {number}" if number else name, longest)


def identity(value: Any, name: str) -> str | None:
    """An id that says who or what it was, as text. Raises InvalidEventError in the client's `name`."""
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _BIGGEST_ID:
        return str(value)
    if not isinstance(value, str):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{name} must be a string.", name)
    return _fitting(value, name, LONGEST["user_id"])


def optional_id(value: Any) -> str | None:
    """An id where the event can do without: None for what is none."""
    try:
        return identity(value, "")
    except InvalidEventError:
        return None


def event_name(value: Any, name: str) -> str:
    """The event's name. Raises InvalidEventError in the client's `name`."""
    if value is None or value == "":
        raise InvalidEventError(Reason.MISSING_FIELD, f"{name} is required: the event's name.", name)
    if not isinstance(value, str):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{name} must be a string.", name)
    return _fitting(value, name, LONGEST["event_type"])


def event_id(value: Any, name: str, rest: dict[str, Any]) -> str | None:
    """The client's id of the event. One that does not fit becomes its SHA-256 and stays in `rest`.

    Raises InvalidEventError when it is neither text nor a whole number: then no retry could be told from a new event.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _BIGGEST_ID:
        value = str(value)
    if not isinstance(value, str):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{name} must be a string.", name)
    if len(value) <= LONGEST["event_id"] and _is_storable(value):
        return value
    rest[name] = value
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def moment(value: Any, name: str) -> datetime | None:
    """A time: ISO 8601, or seconds or milliseconds since 1970. Raises InvalidEventError in the client's `name`."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{name} must be an ISO 8601 time.", name)
    try:
        return _parse(value)
    except (ValueError, OverflowError) as error:
        message = f"{name} must be an ISO 8601 time from 1970 to 2099, such as 2026-08-22T09:30:00.123Z."
        raise InvalidEventError(Reason.INVALID_VALUE, message, name) from error


def sent_on(rest: dict[str, Any], batch: Mapping[str, Any]) -> datetime | None:
    """The client's clock when it sent the event, taken out of `rest`, else that of the batch.

    One that is no time corrects nothing, and stays in `rest`.
    """
    for holder in (rest, batch):
        for name in _SENT:
            if (value := holder.get(name)) is None:
                continue
            try:
                sent = _batch_moment(value) if isinstance(value, str) else moment(value, name)
            except InvalidEventError:
                rest.setdefault(name, value)
                continue
            if holder is rest:
                del rest[name]
            if sent:
                return sent
    return None


# All events of a batch have one.
@lru_cache(256)
def _batch_moment(value: str) -> datetime | None:
    return moment(value, _SENT[0])


def _is_storable(value: str) -> bool:
    return value.isprintable() or not _UNSTORABLE.search(value)


def _fitting(value: str, name: str, longest: int) -> str:
    if len(value) > longest:
        message = f"{name} has {len(value)} characters; at most {longest} are taken."
        raise InvalidEventError(Reason.TOO_LONG, message, name)
    if not _is_storable(value):
        message = f"{name} holds a NUL character or half of a surrogate pair."
        raise InvalidEventError(Reason.INVALID_VALUE, message, name)
    return value


def _parse(value: str | float) -> datetime:
    if isinstance(value, str):
        try:
            return parse_timestamp(value)
        except ValueError:
            if len(value) < _SHORTEST_EPOCH or not value.isdigit():
                raise
            value = int(value)
    milliseconds = round(value if abs(value) >= _SECONDS_END else value * 1000)
    if not 0 <= milliseconds < _LATEST:
        raise ValueError("not between the years 1970 and 2099")
    return from_milliseconds(milliseconds)
