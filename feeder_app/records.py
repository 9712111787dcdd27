"""⑤ One record of the topic, and the event or the dead letter that becomes of it.

Both depend on the record alone (no clock, no process id): what is written again after a truncation
is the same to the byte.
"""

import base64
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Final, cast

import msgspec
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from brokerlytics.csv_rows import Rows
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
        return day_of(self.timestamp)

    @property
    def date(self) -> str:
        """The same day as it names the directory of a segment: YYYY-MM-DD."""
        return date_of_day(self.day)


class Records(msgspec.Struct, frozen=True, gc=False):
    """Kafka records of one partition, in the order of their offsets.

    `offsets` and `timestamps` are columns, as Record has them; `key_and_value` gives the rest of a record by its
    number. `rows` are there when they were encoded in C, with the earliest and the latest of the timestamps; a record
    that has a row has neither key nor value any more.
    """

    topic: str
    partition: int
    offsets: Sequence[int]
    timestamps: Sequence[int]
    key_and_value: Callable[[int], tuple[bytes | None, bytes | None]]
    rows: Rows | None = None
    earliest: int = 0
    latest: int = 0

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> Record:
        key, value = self.key_and_value(index)
        return Record(self.topic, self.partition, self.offsets[index], self.timestamps[index], key, value)

    def first_from(self, offset: int) -> int:
        """The number of the first record at `offset` or behind it."""
        return bisect_left(self.offsets, offset)


def records_of(messages: Sequence[Message]) -> Records:
    """The records of one partition's messages, at least one.

    A time that is missing or absurd becomes the nearest that can be stored.
    """
    times = [0 if kind == TIMESTAMP_NOT_AVAILABLE else time for kind, time in map(Message.timestamp, messages)]
    return Records(
        messages[0].topic() or "",
        messages[0].partition() or 0,
        cast("list[int]", list(map(Message.offset, messages))),
        [min(max(time, 0), _LATEST_MILLISECONDS) for time in times],
        lambda number: (messages[number].key(), messages[number].value()),
    )


def record_of(message: Message) -> Record:
    """The record of a consumed message, as `records_of`."""
    return records_of([message])[0]


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


def day_of(timestamp: int) -> int:
    """The UTC day, counted from 1970, of a time in milliseconds."""
    return timestamp // _DAY_MILLISECONDS


@lru_cache(maxsize=16)
def date_of_day(day: int) -> str:
    """The date, such as 2026-08-22, of a day counted from 1970."""
    return date.fromordinal(day + _EPOCH).isoformat()


def _base64(part: bytes | None) -> str | None:
    return None if part is None else base64.b64encode(part).decode()
