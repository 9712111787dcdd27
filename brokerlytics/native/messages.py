"""Kafka's messages as rows, in two calls of messages.c: what is plain never becomes an object of Python's."""

import ctypes
from array import array
from collections.abc import Callable, Sequence
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass
from struct import Struct
from typing import Final

from brokerlytics.csv_rows import Rows
from brokerlytics.native.library import DIGEST_BYTES, Contract, Library, declared

# Of messages.c: what a run says of itself.
_NUMBERS: Final = 6
_RUN: Final = Struct(f"{_NUMBERS}q")
_FIRST_ROOM: Final = 1 << 20


class Message(ctypes.Structure):
    """rd_kafka_message_t of librdkafka."""

    _fields_ = [
        ("error", c_int),
        ("topic", c_void_p),
        ("partition", c_int32),
        ("value", c_void_p),
        ("length", c_size_t),
        ("key", c_void_p),
        ("key_length", c_size_t),
        ("offset", c_int64),
        ("private", c_void_p),
    ]


class Functions(ctypes.Structure):
    """Addresses of those functions of librdkafka that messages.c calls."""

    _fields_ = [("consume_batch_queue", c_void_p), ("message_timestamp", c_void_p), ("message_destroy", c_void_p)]


class _Columns(ctypes.Structure):
    _fields_ = [("offsets", c_void_p), ("timestamps", c_void_p), ("ends", c_void_p), ("digests", c_void_p)]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring messages of one partition, or one error. All of it is there until its reader's next call.

    Attributes:
        error: librdkafka's number and text of it, None for messages.
        offsets, timestamps: of the messages; milliseconds since 1970, one that is missing or absurd is the nearest that
            can be stored. `earliest` and `latest` are among them.
        rows: of the messages, empty for those that are not plain.
        key_and_value: of a message that is not plain, by its number in the run.
    """

    partition: int
    error: tuple[int, str | None] | None
    offsets: Sequence[int]
    timestamps: Sequence[int]
    earliest: int
    latest: int
    rows: Rows
    key_and_value: Callable[[int], tuple[bytes | None, bytes | None]]


class MessageReader:
    """Reads one of librdkafka's queues; a thread at a time. To be closed before its client is."""

    def __init__(self, native: Library, kafka: Functions, queue: int | None, most: int) -> None:
        """`most`: messages at a time."""
        self._contract, self._key = native.contract, native.key
        self._kafka, self._queue, self._most = kafka, queue, most
        self._messages = array("Q", bytes(8 * most))
        self._held = 0
        self._offsets, self._timestamps = array("q", bytes(8 * most)), array("q", bytes(8 * most))
        self._ends, self._digests = array("Q", bytes(8 * (most + 1))), array("B", bytes(DIGEST_BYTES * most))
        self._runs = array("q", bytes(_RUN.size * most))
        self._rows = array("B", bytes(_FIRST_ROOM))
        columns = (self._offsets, self._timestamps, self._ends, self._digests)
        self._columns = _Columns(*(column.buffer_info()[0] for column in columns))
        of_kafka, functions = POINTER(Functions), native.functions
        self._take = declared(
            functions.take_messages,
            [of_kafka, c_void_p, c_int, c_void_p, c_uint64, POINTER(c_uint64)],
            c_uint64,
        )
        self._encode = declared(
            functions.encode_messages,
            [
                *(of_kafka, POINTER(Contract), c_char_p, c_void_p, c_uint64),
                *(c_void_p, c_uint64, POINTER(_Columns), c_void_p),
            ],
            c_uint64,
        )
        self._destroy = declared(functions.destroy_messages, [of_kafka, c_void_p, c_uint64])

    def take(self, seconds: float) -> list[Run]:
        """What comes within that time, in the order of the queue. What the call before gave is gone with it."""
        self.close()
        room = c_uint64()
        messages = self._messages.buffer_info()[0]
        self._held = self._take(self._kafka, self._queue, int(seconds * 1000), messages, self._most, room)
        if len(self._rows) < room.value:
            self._rows = array("B", bytes(room.value))
        count = self._encode(
            *(self._kafka, self._contract, self._key, messages, self._held),
            *(self._rows.buffer_info()[0], len(self._rows), self._columns, self._runs.buffer_info()[0]),
        )
        found, start = [], 0
        for said in _RUN.iter_unpack(self._runs[: _NUMBERS * count]):
            found.append(self._run(start, said))
            start += len(found[-1].offsets)
        return found

    def close(self) -> None:
        """Give back the messages that the last call took."""
        held, self._held = self._held, 0
        self._destroy(self._kafka, self._messages.buffer_info()[0], held)

    def _run(self, start: int, said: tuple[int, ...]) -> Run:
        partition, stop, error, plain, earliest, latest = said
        rows = Rows(
            memoryview(self._rows),
            self._ends[start : stop + 1],
            self._digests[start * DIGEST_BYTES : stop * DIGEST_BYTES].tobytes(),
            plain == stop - start,
        )
        return Run(
            partition,
            (error, self._error_text(start)) if error else None,
            self._offsets[start:stop],
            self._timestamps[start:stop],
            earliest,
            latest,
            rows,
            lambda number: self._key_and_value(start + number),
        )

    def _key_and_value(self, number: int) -> tuple[bytes | None, bytes | None]:
        message = Message.from_address(self._messages[number])
        return _bytes(message.key, message.key_length), _bytes(message.value, message.length)

    def _error_text(self, number: int) -> str | None:
        _, text = self._key_and_value(number)
        return None if text is None else text.decode(errors="replace")


def _bytes(address: int | None, length: int) -> bytes | None:
    return None if address is None else ctypes.string_at(address, length)
