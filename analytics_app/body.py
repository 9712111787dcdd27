"""Step 1 of an event's way: the request body becomes JSON, whatever its headers call it."""

import base64
import binascii
import json
import math
import zlib
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from brokerlytics.event import ClientEvent

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_INFLATED_BYTES: Final = 4 * 1024 * 1024
MAX_EVENTS: Final = 2500
TOO_LARGE: Final = f"The body has more than {MAX_BODY_BYTES} bytes; send smaller batches."
_events: Final = msgspec.json.Decoder(ClientEvent | list[ClientEvent])
_GZIP: Final = b"\x1f\x8b"
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


def read_body(body: bytes) -> Any:
    """The JSON value of a request's body: `unpack` and `parse` in one."""
    return parse(unpack(body))


def unpack(body: bytes) -> bytes:
    """What may be JSON in a request's body: plain, gzipped (known by its first bytes), or the field `data` of a form.

    Raises:
        BodyTooLargeError: more than MAX_BODY_BYTES, or than MAX_INFLATED_BYTES when unpacked.
        BodyError: `empty_body`, `bad_gzip`, or `not_json` for a form whose field holds none.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLargeError("body_too_large", TOO_LARGE)
    if body.startswith(_GZIP):
        body = _inflate(body)
    if body.startswith(b"data="):
        body = _from_form(body)
    if not body or body.isspace():
        raise BodyError("empty_body", "The body is empty; send one event as a JSON object, or a list of them.")
    return body


def parse(content: bytes, *, typed: bool = False) -> Any:
    """The JSON value that `unpack` found.

    What stands where JSON cannot say it (NaN, numbers beyond a float) is an UnreadableEvent. With `typed`, a body
    that is one ClientEvent or a list of them is given as such, which is the fastest way to read it.

    Raises BodyError: `not_json` with the place of the fault.
    """
    return (_parse_typed(content) if typed else None) or _parse(content)


def check_events(events: list[Any]) -> list[Any]:
    """`events`, if a request may carry so many.

    Raises:
        BodyTooLargeError: more than MAX_EVENTS.
        BodyError: `empty_body`.
    """
    if not events:
        raise BodyError("empty_body", "The list holds no event.")
    if len(events) > MAX_EVENTS:
        message = f"The body has {len(events)} events; at most {MAX_EVENTS} are taken at once."
        raise BodyTooLargeError("too_many_events", message)
    return events


def _inflate(body: bytes) -> bytes:
    """Unpacks no more than it may, so that a small body cannot fill the memory."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        inflated = inflater.decompress(body, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise BodyError("bad_gzip", f"The gzipped body is damaged: {error}.") from None
    if len(inflated) > MAX_INFLATED_BYTES:
        message = f"The body unpacks to more than {MAX_INFLATED_BYTES} bytes; send smaller batches."
        raise BodyTooLargeError("inflated_too_large", message)
    if not inflater.eof:
        raise BodyError("bad_gzip", "The gzipped body ends too early.")
    return inflated


def _from_form(body: bytes) -> bytes:
    """Old clients send `data=` with JSON, or with JSON in base64."""
    value = parse_qs(body.decode("utf-8", "replace")).get("data", [""])[0].strip()
    if value.startswith(("{", "[")):
        return value.encode()
    try:
        # A plus sign that was not escaped has become a space.
        return base64.b64decode(value.replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        raise BodyError("not_json", "The form's field `data` is neither JSON nor JSON in base64.") from None


def _parse_typed(body: bytes) -> Any:
    try:
        return _events.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _parse(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # The tolerant reader takes half surrogate pairs, NaN and numbers beyond a float, so that
        # only the event that holds them is refused; it also knows line and column of a fault.
        return _finite(_parse_tolerantly(body))
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


def _finite(value: Any) -> Any:
    """`value`, with an UnreadableEvent in place of each event in it that JSON cannot say."""
    if isinstance(value, list):
        return [_finite(item) for item in value]
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        if isinstance(value, dict) and isinstance(value.get("batch"), list):
            return {name: _finite(item) for name, item in value.items()}
        return UnreadableEvent("The event holds NaN, Infinity or a number beyond what a float can hold.")
    return value
