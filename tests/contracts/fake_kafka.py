"""A queue of librdkafka's in Python: the functions that messages.c calls, and messages that may be looked at only while
they are there."""

import ctypes
from array import array
from collections.abc import Sequence
from ctypes import CFUNCTYPE, POINTER, c_int, c_int64, c_size_t, c_ssize_t, c_void_p
from typing import NamedTuple

from brokerlytics.native.messages import Functions, Message


class Sent(NamedTuple):
    """A message as the queue has it; `timestamp` is None when the broker gave none."""

    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int | None = 0
    error: int = 0


class FakeKafka:
    """`destroyed` are the numbers of those that were given back, in that order."""

    def __init__(self, sent: Sequence[Sent]) -> None:
        self._sent = sent
        self._next = 0
        self._kept: dict[int, tuple[object, ...]] = {}
        self._numbers: dict[int, int] = {}
        self.destroyed: list[int] = []
        # Kept, for C has only their addresses.
        self._functions = (
            CFUNCTYPE(c_ssize_t, c_void_p, c_int, POINTER(c_void_p), c_size_t)(self._consume),
            CFUNCTYPE(c_int64, c_void_p, POINTER(c_int))(self._timestamp),
            CFUNCTYPE(None, c_void_p)(self._destroy),
        )
        self.functions = Functions(*(ctypes.cast(function, c_void_p) for function in self._functions))

    def _consume(self, _queue: int, _timeout: int, messages: "ctypes.Array[c_void_p]", most: int) -> int:
        some = self._sent[self._next : self._next + most]
        for place, one in enumerate(some):
            address = self._make(one)
            messages[place] = address
            self._numbers[address] = self._next + place
        self._next += len(some)
        return len(some)

    def _make(self, one: Sent) -> int:
        value, key = _memory(one.value), _memory(one.key)
        message = Message(
            error=one.error,
            partition=one.partition,
            value=_address(value),
            length=len(one.value or b""),
            key=_address(key),
            key_length=len(one.key or b""),
            offset=one.offset,
        )
        self._kept[ctypes.addressof(message)] = message, value, key
        return ctypes.addressof(message)

    def _timestamp(self, address: int, kind: "ctypes._Pointer[c_int]") -> int:
        timestamp = self._sent[self._numbers[address]].timestamp
        kind[0] = 0 if timestamp is None else 1
        return -1 if timestamp is None else timestamp

    def _destroy(self, address: int) -> None:
        """Its memory goes: a sanitizer sees who looks at it later."""
        del self._kept[address]
        self.destroyed.append(self._numbers.pop(address))


def _memory(part: bytes | None) -> "array[int] | None":
    """Of its own, and no longer than it must be."""
    return None if part is None else array("B", part)


def _address(memory: "array[int] | None") -> int | None:
    # An empty array has no memory.
    return None if memory is None else memory.buffer_info()[0] or 1
