"""⑤ One record of the topic, and the event or the dead letter that becomes of it.

Both depend on the record alone (no clock, no process id): what is written again after a truncation
is the same to the byte.
"""

import base64
from datetime import date, datetime
from functools import lru_cache
from typing import Final

import msgspec
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from brokerlytics.event import Event, InvalidEventError
from brokerlytics.event_codec import decode_event
from brokerlytics.timestamps import from_milliseconds

_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY_MILLISECONDS: Final = 86_400_000
_LATEST_MILLISECONDS: Final = 4_102_444_799_999  # the end of 2099, the last time that an event can have


class Record(msgspec.Struct, frozen=True, gc=False):
    """A Kafka record. `timestamp` is in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None

    @property
    def time(self) -> datetime:
        return from_milliseconds(self.timestamp)

    @property
    def day(self) -> int:
        """The UTC day of the record, counted from 1970."""
        return self.timestamp // _DAY_MILLISECONDS

    @property
    def date(self) -> str:
        """The same day as it names the directory of a segment: YYYY-MM-DD."""
        return date_of_day(self.day)


def record_of(message: Message) -> Record:
    """The record of a consumed message; a time that is missing or absurd becomes the nearest that can be stored."""
    kind, milliseconds = message.timestamp()
    if kind == TIMESTAMP_NOT_AVAILABLE or milliseconds < 0:
        milliseconds = 0
    elif milliseconds > _LATEST_MILLISECONDS:
        milliseconds = _LATEST_MILLISECONDS
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        milliseconds,
        message.key(),
        message.value(),
    )


def event_of(record: Record) -> Event:
    """The record's event. Raises InvalidEventError when it holds no event of the contract."""
    event_id = f"{record.topic}-{record.partition}-{record.offset}"
    return decode_event(record.value, event_id=event_id, received_on=record.time)


def dead_letter_of(record: Record, error: InvalidEventError) -> bytes:
    """One line of JSON: where the record is, why it is no event, and its raw bytes in base64."""
    letter = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "reason": error.reason,
        "field": error.field,
        "message": error.message,
        "key": _base64(record.key),
        "value": _base64(record.value),
    }
    return msgspec.json.encode(letter) + b"\n"


def day_of_date(text: str) -> int:
    """The day, counted from 1970, of a date such as 2026-08-22. Raises ValueError."""
    return date.fromisoformat(text).toordinal() - _EPOCH


@lru_cache(maxsize=16)
def date_of_day(day: int) -> str:
    """The date, such as 2026-08-22, of a day counted from 1970."""
    return date.fromordinal(day + _EPOCH).isoformat()


def _base64(part: bytes | None) -> str | None:
    return None if part is None else base64.b64encode(part).decode()
