"""One way to read and write points in time: UTC, milliseconds, ISO 8601 with `Z`."""

from datetime import UTC, datetime
from typing import Final

import msgspec

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
_FIRST_YEAR: Final = EARLIEST.year
_LAST_YEAR: Final = LATEST.year - 1


def parse_timestamp(text: str) -> datetime:
    """Read an ISO 8601 date or date-time, cut to milliseconds; without an offset it is taken as UTC.

    Raises ValueError or OverflowError when `text` is not ISO 8601 or lies outside 1970 to 2100.
    """
    try:
        # As msgspec reads the times of a whole event: RFC 3339, rounded to microseconds. It takes no dates.
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        moment = datetime.fromisoformat(text)
    return to_storable(moment)


def to_storable(moment: datetime) -> datetime:
    """`moment` in UTC, cut to milliseconds; without an offset it is taken as UTC.

    Raises ValueError or OverflowError when it lies outside 1970 to 2100.
    """
    if moment.tzinfo is not UTC:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{moment} is not between the years 1970 and 2099")
    return cut_to_milliseconds(moment)


def is_storable(moment: datetime) -> bool:
    """Whether `moment`, in UTC, lies in the years 1970 to 2099."""
    return _FIRST_YEAR <= moment.year <= _LAST_YEAR


def cut_to_milliseconds(moment: datetime) -> datetime:
    """`moment` at the resolution that the topic and the CSV keep."""
    beyond = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - beyond) if beyond else moment


def format_timestamp(moment: datetime) -> str:
    """Write an aware datetime as `2026-08-22T09:30:00.123Z`, cut (not rounded) to milliseconds."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def from_milliseconds(milliseconds: int) -> datetime:
    """The UTC datetime of a Kafka timestamp (milliseconds since 1970)."""
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
