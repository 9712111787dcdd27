"""The events of a request's body as values of the topic, in one call of intake.c."""

import ctypes
import os
from array import array
from collections.abc import Collection, Sequence
from ctypes import POINTER, c_char_p, c_int64, c_uint32, c_uint64, c_void_p
from datetime import datetime
from functools import lru_cache
from struct import Struct
from threading import local
from typing import Final, NamedTuple

import msgspec

from brokerlytics.event import MAX_EVENT_BYTES
from brokerlytics.native.event_ids import EventIds
from brokerlytics.native.library import NAMES, Contract, Library, declared, set_of

# What the client may not say of itself.
_CLAIMED: Final = ("source", "received_on")
_FIELDS_APART: Final = (
    *("event_type", "device_id", "user_id", "created_on", "original_created_on", "page_url", "page_path"),
    "context",
)
_RANDOM_BYTES: Final = 6
# What is said of each event: whether it is plain, then where things begin and end.
_PLACES: Final = 7
_EVENT, _MESSAGE, _ID = Struct("3I16x"), Struct("5I8x"), Struct("20x2I")
# Names and punctuation of all fields, a new id, and what times and amounts grow by.
_MARGIN: Final = sum(len(name) + 6 for name in NAMES) + 192
# What a thread keeps for the next body.
_KEPT_BYTES: Final = 8 * 1024 * 1024
_DEFAULTS_KEPT: Final = 1000


class Defaults(NamedTuple):
    """What a request says of all its events: the source, and columns for those that have no value there."""

    source: str
    columns: tuple[tuple[str, str], ...] = ()


class Encoded(NamedTuple):
    """A body's events: those that are plain, and the `rest`, which is for the rules to read and encode.

    Attributes:
        indexes: of the plain events in the request.
        messages: their keys and values.
        brought_ids: of those that came with an `event_id`.
        rest: index and JSON of the others. That it is JSON has still to be seen.
    """

    indexes: Sequence[int]
    messages: list[tuple[bytes, bytes]]
    brought_ids: list[bytes]
    rest: list[tuple[int, bytes]]


class _Bytes(ctypes.Structure):
    _fields_ = [("start", c_char_p), ("length", c_uint32)]


class _Names(ctypes.Structure):
    _fields_ = [("all", POINTER(_Bytes)), ("count", c_uint32)]


class _Intake(ctypes.Structure):
    _fields_ = [
        ("contract", POINTER(Contract)),
        ("of_properties", _Names),
        ("of_context", _Names),
        ("claimed", c_uint32),
        *((name, c_uint32) for name in _FIELDS_APART),
    ]


class _Request(ctypes.Structure):
    _fields_ = [
        ("defaults", c_void_p),
        ("received", _Bytes),
        ("latest", c_char_p),
        ("random", c_char_p),
        ("milliseconds", c_uint64),
        ("number", c_uint32),
        ("longest", c_uint32),
        ("margin", c_uint32),
    ]


class _Columns(NamedTuple):
    """Where the JSON of Defaults lies, and how long it is; `kept` is what must not be freed."""

    address: int
    size: int
    kept: object


class _Scratch(local):
    """Memory of a thread: what was in it before does not matter."""

    def __init__(self) -> None:
        self._kept = array("B")

    def of(self, size: int) -> "array[int]":
        if size <= len(self._kept):
            return self._kept
        memory = array("B", bytes(size))
        if size <= _KEPT_BYTES:
            self._kept = memory
        return memory


class EventEncoder:
    """Encodes with the compiled library; any number of threads may use it at once."""

    def __init__(self, library: Library, *, of_properties: Collection[str], of_context: Collection[str]) -> None:
        """An event with one of these names in its `properties` or `context` is not plain."""
        numbers = (NAMES.index(name) for name in _FIELDS_APART)
        names = (_names(of_properties), _names(of_context))
        self._intake = _Intake(ctypes.pointer(library.contract), *names, set_of(_CLAIMED), *numbers)
        self._ids = EventIds()
        self._values, self._copy = _Scratch(), _Scratch()
        self._encode = declared(
            library.functions.encode_events,
            [
                *(POINTER(_Intake), POINTER(_Request), c_char_p, c_uint64),
                *(c_void_p, c_void_p, c_uint64, c_void_p, c_uint32, POINTER(c_uint32)),
            ],
            c_int64,
        )

    def encode(
        self,
        body: bytes,
        most: int,
        *,
        defaults: Defaults,
        received_on: datetime,
        latest: datetime,
    ) -> Encoded | None:
        """Take a list of events apart.

        None where it is not clearly a list of at most `most` events, or where the first ones are all not plain.

        Args:
            body: said to be JSON.
            most: memory is taken for so many.
            defaults: of the request.
            received_on: the server's clock, in UTC and of whole milliseconds.
            latest: events that were created later are not plain.
        """
        columns = _columns(defaults)
        if columns is None:
            return None
        milliseconds, number = self._ids.take(most, int(received_on.timestamp() * 1000))
        received = msgspec.json.encode(received_on)
        margin = columns.size + 3 * len(received) + _MARGIN
        request = _Request(
            columns.address,
            _Bytes(received, len(received)),
            latest.isoformat(timespec="milliseconds").encode(),
            os.urandom(most * _RANDOM_BYTES),
            milliseconds,
            number,
            MAX_EVENT_BYTES,
            margin,
        )
        capacity = 2 * len(body) + most * margin
        values, copy = self._values.of(capacity), self._copy.of(len(body))
        found, totals = array("I", bytes(4 * _PLACES * most)), (c_uint32 * 3)()
        count = self._encode(
            *(self._intake, request, body, len(body), copy.buffer_info()[0], values.buffer_info()[0], capacity),
            *(found.buffer_info()[0], most, totals),
        )
        if count < 0:
            return None
        plain, with_id, size = totals
        return _encoded(memoryview(found)[: count * _PLACES], memoryview(values)[:size].tobytes(), body, plain, with_id)


def _encoded(places: memoryview, values: bytes, body: bytes, plain: int, with_id: int) -> Encoded:
    """`plain` and `with_id`: how many have a value, and brought an id."""
    messages = [
        (values[key:key_end], values[start:end])
        for is_plain, start, end, key, key_end in _MESSAGE.iter_unpack(places)
        if is_plain
    ]
    ids = [values[start:end] for start, end in _ID.iter_unpack(places) if end] if with_id else []
    if plain * _PLACES == len(places):
        return Encoded(range(plain), messages, ids, [])
    events = [*_EVENT.iter_unpack(places)]
    indexes = [index for index, (is_plain, _, _) in enumerate(events) if is_plain]
    rest = [(index, body[start:end]) for index, (is_plain, start, end) in enumerate(events) if not is_plain]
    return Encoded(indexes, messages, ids, rest)


def _names(names: Collection[str]) -> _Names:
    return _Names((_Bytes * len(names))(*(_Bytes(name.encode(), len(name)) for name in names)), len(names))


@lru_cache(_DEFAULTS_KEPT)
def _columns(defaults: Defaults) -> _Columns | None:
    """None for what JSON has to escape."""
    said = {"kind": "track", "source": defaults.source, **dict(defaults.columns)}
    try:
        encoded = [msgspec.json.encode(said[name]) if name in said else b"" for name in NAMES]
    except UnicodeError:
        return None
    if any(b"\\" in value for value in encoded):
        return None
    kept = (_Bytes * len(encoded))(*(_Bytes(value, len(value)) for value in encoded))
    return _Columns(ctypes.addressof(kept), sum(map(len, encoded)), kept)
