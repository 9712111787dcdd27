"""Values of a file in the types of the event contract: what other tools write, as the contract wants it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from brokerlytics.event import InvalidEventError, Reason

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# From 1973 to 2286 in seconds; no ISO 8601 time has that many digits and nothing else.
_SECONDS: Final = range(10**8, 10**10)
_MILLISECONDS: Final = range(10**11, 10**13)

_LONGEST_NUMBER: Final = 30


def time_value(value: Any) -> Any:
    """A time that is not ISO 8601 but common, as ISO 8601: seconds or milliseconds since 1970, `… UTC` at the end.

    Anything else comes back as it is.
    """
    if isinstance(value, str) and value.endswith(" UTC"):
        return value.removesuffix(" UTC")
    number = _number(value)
    if number is None:
        return value
    if int(number) in _MILLISECONDS:
        return (_EPOCH + timedelta(milliseconds=number)).isoformat()
    return (_EPOCH + timedelta(seconds=number)).isoformat() if int(number) in _SECONDS else value


def text_to_number(field: str, text: Any) -> float:
    """The number of a CSV cell. Raises InvalidEventError."""
    try:
        return float(text.replace("_", "?"))
    except ValueError:
        message = f"{field} must be a number such as 19.90; the cell is not."
        raise InvalidEventError(Reason.INVALID_TYPE, message, field) from None


def text_to_object(field: str, text: Any) -> Any:
    """The JSON of a CSV cell. Raises InvalidEventError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise InvalidEventError(Reason.INVALID_TYPE, f"{field} must be a JSON object.", field) from None


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    # Most times are ISO 8601 and have a dash here.
    if not isinstance(value, str) or value[4:5] == "-" or len(value) > _LONGEST_NUMBER:
        return None
    return float(value) if value.replace(".", "", 1).isdecimal() else None
