"""Many events from the topic into CSV rows at once: several times as fast as one by one, and the same bytes.

What our own producer writes is plain: it says everything itself, all fields are of the right type, and times have one
of three forms. Such an event needs no rules, only a look at whether it is one. Whatever does not pass that look is not
refused here, but left to `decode_event` and `encode_row`, which have the rules.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from brokerlytics.csv_format import encode_cells, number_cell
from brokerlytics.event import EVENT_VERSION, FIELDS, TRAIT_KINDS, EventField, InvalidEventError, Kind
from brokerlytics.event_checks import check_value
from brokerlytics.event_codec import NUL
from brokerlytics.timestamps import parse_timestamp

_NAMES: Final = [field.name for field in FIELDS]
_FIRST_TIME: Final = _NAMES.index("created_on")
_AFTER_TIMES: Final = _NAMES.index("source")
_ALWAYS: Final = ("event_id", "kind", "event_type", "created_on", "original_created_on", "received_on")
# As the CSV has it, and as JSON tools write the same time: by microseconds, and by seconds where it is a whole one.
_SHAPES: Final = (b"0000-00-00T00:00:00.000000Z", b"0000-00-00T00:00:00.000Z", b"0000-00-00T00:00:00Z")
_SECOND: Final = len("2026-08-22T09:30:")
_FRACTION: Final = len("2026-08-22T09:30:12")
_MILLISECONDS: Final = len("2026-08-22T09:30:12.345")
_QUOTE: Final = '"'
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")

PlainRow = tuple[bytes, str]


def plain_rows(values: Sequence[bytes | None]) -> list[PlainRow | None]:
    """For each value of the topic the event's source and id, and its row without `_partition` and `_offset`.

    None for an event that is not plain, or no event at all: ask `decode_event`.
    """
    events = [_decode(value) for value in values]
    # Of a batch's times most are there again and again.
    times: set[str] = set()
    for fields in events:
        if fields is not None:
            times.update(fields[_FIRST_TIME:_AFTER_TIMES])
    cells = _time_cells(times)
    return [None if fields is None else _row(fields, cells) for fields in events]


def _plain_type(field: EventField) -> Any:
    match field.type:
        case "id" | "text":
            return Annotated[str, msgspec.Meta(min_length=1, max_length=field.max_length)]
        case "number":
            return float | None
        case "object":
            return dict[str, Any]
        case "kind":
            return Kind
        case "time" | "currency":
            return str


def _plain_field(field: EventField) -> Any:
    if field.name in _ALWAYS:
        return field.name, _plain_type(field)
    missing: Any = {"number": None, "object": msgspec.field(default_factory=dict)}.get(field.type, "")
    return field.name, _plain_type(field), missing


_PlainEvent: Final[Any] = msgspec.defstruct(
    "_PlainEvent",
    [_plain_field(field) for field in FIELDS],
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="v",
    tag=EVENT_VERSION,
)
_decoder: Final[Any] = msgspec.json.Decoder(_PlainEvent)
_encode: Final = msgspec.json.Encoder().encode


def _decode(value: bytes | None) -> tuple[Any, ...] | None:
    """The fields, in the order of FIELDS."""
    if value is None or NUL in value:
        return None
    try:
        return msgspec.structs.astuple(_decoder.decode(value))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _time_cells(times: Collection[str]) -> dict[str, str]:
    """The cells of those times that have a plain form."""
    cells: dict[str, str] = {}
    for shape in _SHAPES:
        alike = [time for time in times if len(time) == len(shape)]
        if not _have_shape(alike, shape):
            alike = [time for time in alike if _have_shape([time], shape)]
        if len(shape) > _MILLISECONDS:
            cells |= {time: f"{time[:_MILLISECONDS]}Z" for time in alike}
        else:
            cells |= {time: f"{time[:_FRACTION]}.000Z" for time in alike}
    return cells


def _have_shape(times: Sequence[str], shape: bytes) -> bool:
    """All are looked at together, column by column."""
    text = "".join(times).encode()
    return (
        text.translate(_DIGITS) == shape * len(times)
        and max(text[_SECOND :: len(shape)], default=0) <= ord("5")
        and all(map(_is_minute, {time[:_SECOND] for time in times}))
    )


@lru_cache(maxsize=4096)
def _is_minute(start: str) -> bool:
    """Whether a time may begin with `start`, which has the digits where they belong."""
    try:
        parse_timestamp(f"{start}00.000Z")
    except (ValueError, OverflowError):
        return False
    return True


def _row(fields: tuple[Any, ...], time_cells: Mapping[str, str]) -> PlainRow | None:
    event_id, kind, event_type, device_id, user_id, session_id, created, original, received, source, *texts = fields
    *texts, revenue, currency, properties, context = texts
    if revenue is None and not currency and "revenue" not in properties and "currency" not in properties:
        money: str | None = ","
    else:
        money = _money(kind, revenue, currency)
    if money is None or not (device_id or user_id):
        return None
    try:
        cells = (
            *(event_id, kind, event_type, device_id, user_id, session_id),
            *(time_cells[created], time_cells[original], time_cells[received]),
            *(source, *texts),
        )
        objects = f"{_json(properties)},{_json(context)}"
    except (KeyError, RecursionError, OverflowError, UnicodeError, msgspec.MsgspecError):
        return None
    row = ",".join(cells)
    if row.count(",") != len(cells) - 1 or '"' in row or "\n" in row or "\r" in row:
        row = encode_cells(cells).decode().removesuffix("\r\n")
    return f"{source}\0{event_id}".encode(), f"{row},{money},{objects}"


def _money(kind: str, revenue: float | None, currency: str) -> str | None:
    """The cells of revenue and currency; None where the rules have to say whether the properties fill one."""
    if revenue is None and not currency and kind in TRAIT_KINDS:
        return ","
    if revenue is None or not currency:
        return None
    try:
        return f"{number_cell(check_value('revenue', revenue))},{check_value('currency', currency)}"
    except InvalidEventError:
        return None


def _json(fields: dict[str, Any]) -> str:
    """The cell of an object; JSON always needs quotes."""
    return f'"{_encode(fields).decode().replace(_QUOTE, _QUOTE + _QUOTE)}"' if fields else ""
