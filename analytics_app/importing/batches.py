"""Rows become messages for the topic, a batch at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from analytics_app.enrichment import add_flag, enrich
from analytics_app.geoip import country_of
from analytics_app.importing.ids import DerivedIds
from analytics_app.importing.mapping import RowMapping
from analytics_app.importing.records import Record
from analytics_app.validation import FROM_THE_FUTURE, FUTURE
from brokerlytics.event import Event, InvalidEventError
from brokerlytics.event_codec import client_event, complete, encode_event

BATCH_ROWS: Final = 1000
# Of the file: long rows make smaller batches, so that memory stays bounded.
BATCH_BYTES: Final = 4 * 1024 * 1024

Message = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A row that is no event: its first line's number, why, in which field, and its bytes in the file."""

    line: int
    code: str
    field: str
    message: str
    raw: bytes


@dataclass(slots=True)
class Batch:
    """Some rows of the file, in order: `messages[i]` is made of `records[i]`; `rows` counts the bad ones too."""

    rows: int = 0
    bytes: int = 0
    records: list[Record] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return self.rows >= BATCH_ROWS or self.bytes >= BATCH_BYTES


class EventMaker:
    """Makes the messages, with the checks of the API. Give it every row of the file in order: ids depend on that."""

    def __init__(self, mapping: RowMapping, ids: DerivedIds, received_on: datetime) -> None:
        """`received_on`: of events whose row does not say it."""
        self._mapping = mapping
        self._ids = ids
        self._received_on = received_on

    def skip(self, record: Record) -> None:
        """The row was sent by an earlier import."""
        if record.problem is None:
            self._id(record)

    def make(self, record: Record) -> Message | BadLine:
        if record.problem:
            code, message = record.problem
            return BadLine(record.line, code, "", message, record.raw)
        event_id = self._id(record)
        try:
            event = self._build(self._mapping.fields(record.row), event_id)
            return event.key, encode_event(event)
        except InvalidEventError as error:
            return BadLine(record.line, error.reason, error.field or "", error.message, record.raw)

    def _build(self, fields: dict[str, Any], event_id: str) -> Event:
        """As the API does it: with what the event's address and its page say, and without the address itself."""
        event = client_event(fields)
        ip = event.context.pop("ip", None)
        enrich(event, user_agent="", country=country_of(ip) if ip and isinstance(ip, str) else None)
        complete(event, event_id=event_id, received_on=self._received_on)
        if event.created_on > event.received_on + FUTURE:
            add_flag(event.context, FROM_THE_FUTURE)
        return event

    def _id(self, record: Record) -> str:
        return "" if self._mapping.has_id(record.row) else self._ids.of(record.row)


def batches(records: Iterator[Record], make: Callable[[Record], Message | BadLine]) -> Iterator[Batch]:
    """All of `records`, in order."""
    batch = Batch()
    for record in records:
        batch.rows += 1
        batch.bytes += len(record.raw)
        made = make(record)
        if isinstance(made, BadLine):
            batch.bad.append(made)
        else:
            batch.records.append(record)
            batch.messages.append(made)
        if batch.full:
            yield batch
            batch = Batch()
    if batch.rows:
        yield batch
