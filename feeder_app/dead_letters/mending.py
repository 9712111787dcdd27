"""Mending a record before it is sent again: fields of its JSON object are set or taken out."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from brokerlytics.dead_letters import DeadLetter
from brokerlytics.event import FIELD_BY_NAME, InvalidEventError
from brokerlytics.event_codec import decode_event
from brokerlytics.timestamps import format_timestamp
from feeder_app.dead_letters.inbox import LetterError

_JSON: Final = ("number", "object")


def parse_field(text: str) -> tuple[str, Any]:
    """FIELD=VALUE of a command line; the value is None, to take the field out, when it is empty. Raises ValueError."""
    name, equals, value = text.partition("=")
    if not equals or (name != "v" and name not in FIELD_BY_NAME):
        raise ValueError(f"{text!r} is not FIELD=VALUE with a field of docs/event.md")
    if not value:
        return name, None
    if name != "v" and FIELD_BY_NAME[name].type not in _JSON:
        return name, value
    try:
        return name, msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"{text!r}: the value of {name} must be JSON: {error}") from error


def mended(letter: DeadLetter, fields: Mapping[str, Any]) -> bytes | None:
    """The letter's value with these fields: its very bytes without any.

    A mended event without a `received_on` gets the time at which it first came, for it comes once more.
    Raises LetterError when the value is no JSON object, or is no event even so.
    """
    if not fields:
        return letter.value
    try:
        event = msgspec.json.decode(letter.value or b"", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LetterError(f"{letter.place} is no JSON object and cannot be mended: {error}. Drop it.") from error
    event = {name: value for name, value in {**event, **fields}.items() if value is not None}
    event.setdefault("received_on", format_timestamp(letter.time))
    value = msgspec.json.encode(event)
    try:
        decode_event(value, event_id=letter.place, received_on=letter.time)
    except InvalidEventError as error:
        raise LetterError(f"{letter.place} would be no event even so: {error.message} Nothing was sent.") from error
    return value
