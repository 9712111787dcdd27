"""Step 1 of an event's way: the request body becomes a list of events that are not checked yet."""

import json
import math
from typing import Any, Final

import msgspec

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_EVENTS: Final = 2500
# Python reads no integer of more than 4,300 digits.
_MAX_DIGITS: Final = 4000


class BodyError(Exception):
    """The body as a whole cannot be read: `code` for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class BodyTooLargeError(BodyError):
    """The body has more bytes or more events than one request may carry."""


class UnreadableEvent(msgspec.Struct, frozen=True):
    """Stands in the list for an event that JSON cannot say; the others in the body are not its fault."""

    message: str


def read_events(body: bytes) -> list[Any]:
    """The events of a request: those of a JSON list, or the one object.

    Raises:
        BodyTooLargeError: more than MAX_BODY_BYTES or MAX_EVENTS.
        BodyError: `empty_body`, or `not_json` with the place of the fault.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLargeError(
            "body_too_large", f"The body has more than {MAX_BODY_BYTES} bytes; send smaller batches."
        )
    if not body.strip():
        raise BodyError("empty_body", "The body is empty; send one event as a JSON object, or a list of them.")
    events = _parse(body)
    if not events:
        raise BodyError("empty_body", "The list holds no event.")
    if len(events) > MAX_EVENTS:
        message = f"The body has {len(events)} events; at most {MAX_EVENTS} are taken at once."
        raise BodyTooLargeError("too_many_events", message)
    return events


def _parse(body: bytes) -> list[Any]:
    try:
        return _as_list(msgspec.json.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # The tolerant reader takes half surrogate pairs, NaN and numbers beyond a float, so that
        # only the event that holds them is refused; it also knows line and column of a fault.
        return [_finite(event) for event in _as_list(_parse_tolerantly(body))]
    except RecursionError:
        raise BodyError("not_json", "The body is nested too deeply.") from None


def _parse_tolerantly(body: bytes) -> Any:
    try:
        return json.loads(body, parse_int=_parse_int)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BodyError("not_json", f"The body is not JSON: {error.msg} at {place}.") from None
    except UnicodeDecodeError as error:
        raise BodyError("not_json", f"The body is not UTF-8: byte {error.start} is not valid.") from None
    except RecursionError:
        raise BodyError("not_json", "The body is nested too deeply.") from None


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) <= _MAX_DIGITS else math.inf


def _finite(event: Any) -> Any:
    try:
        json.dumps(event, allow_nan=False)
    except ValueError:
        return UnreadableEvent("The event holds NaN, Infinity or a number beyond what a float can hold.")
    return event


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
