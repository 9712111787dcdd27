"""The compiled library, as far as it is there, and its functions as Python calls them. They run without the GIL."""

import ctypes
import os
from collections.abc import Iterable, Sequence
from ctypes import c_char_p, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from brokerlytics.event import FIELDS, KINDS, TRAIT_KINDS, EventField, FieldType
from brokerlytics.native.build import library_file

DIGEST_BYTES: Final = 12
# The enumerations of event.h.
_TYPES: Final[dict[FieldType, int]] = {
    "id": 0,
    "text": 0,
    "kind": 1,
    "time": 2,
    "number": 3,
    "currency": 4,
    "object": 5,
}
NAMES: Final = [field.name for field in FIELDS]
_REQUIRED: Final = ("event_id", "kind", "event_type", "created_on", "original_created_on", "received_on")
_PERSON: Final = ("device_id", "user_id")
_MONEY: Final = ("revenue", "currency")


class _Field(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("name_length", c_uint32),
        ("longest", c_uint32),
        ("type", c_uint32),
    ]


class _Kind(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("length", c_uint32), ("has_traits", c_uint32)]


class Contract(ctypes.Structure):
    _fields_ = [
        ("fields", ctypes.POINTER(_Field)),
        ("kinds", ctypes.POINTER(_Kind)),
        ("field_count", c_uint32),
        ("kind_count", c_uint32),
        # Sets of fields.
        ("required", c_uint32),
        ("person", c_uint32),
        ("money", c_uint32),
        # Numbers of fields.
        ("event_id", c_uint32),
        ("source", c_uint32),
        ("properties", c_uint32),
    ]


class _Set(ctypes.Structure):
    _fields_ = [("slots", c_void_p), ("capacity", c_uint64)]


class Library:
    """Arrays are given as their addresses: whoever calls keeps them, and sees to their sizes.

    `key` is what digests are made with: another one in each process, so that nobody can look for two events with the
    same digest.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        functions = ctypes.CDLL(str(path))
        self.functions: Final = functions
        self.key: Final = os.urandom(16)
        self.contract: Final = _contract()
        self._encode_rows = declared(
            functions.encode_rows,
            [
                *(ctypes.POINTER(Contract), c_char_p),
                *(c_char_p, c_void_p, c_void_p, c_uint64, c_int64),
                *(c_void_p, c_uint64, c_void_p, c_void_p),
            ],
            c_uint64,
        )
        self._digest_texts = declared(functions.digest_texts, [c_char_p, c_char_p, c_void_p, c_uint64, c_void_p])
        self._add_new = declared(
            functions.add_new, [ctypes.POINTER(_Set), c_uint64, c_char_p, c_uint64, ctypes.POINTER(c_uint8)], c_uint64
        )
        self._copy_set = declared(functions.copy_set, [ctypes.POINTER(_Set), ctypes.POINTER(_Set)])

    def encode_rows(  # noqa: PLR0913 (one array each)
        self,
        values: "bytes | ctypes.Array[ctypes.c_char]",
        lengths: int,
        offsets: int,
        count: int,
        partition: int,
        *,
        rows: int,
        capacity: int,
        ends: int,
        digests: int,
    ) -> int:
        """Encode `count` values, which lie one behind the other in `values`; returns how many are plain.

        Args:
            values, lengths, offsets, count, partition: of the records; uint32 and int64.
            rows, capacity: where the rows go, bytes; what does not fit is not plain.
            ends: where each row ends, uint64; a value that is not plain has an empty one.
            digests: DIGEST_BYTES for each value.
        """
        plain: int = self._encode_rows(
            self.contract, self.key, values, lengths, offsets, count, partition, rows, capacity, ends, digests
        )
        return plain

    def digest_texts(self, texts: bytes, lengths: int, count: int, digests: int) -> None:
        """Digests of texts, which lie one behind the other."""
        self._digest_texts(self.key, texts, lengths, count, digests)

    def add_new(self, sets: Sequence[tuple[int, int]], digests: bytes, count: int) -> tuple[int, bytes]:
        """Add to the first set what is in none of them.

        Args:
            sets: slots and their number, each; the first has at least a free one more than `count`.

        Returns how many are new, and a byte for each digest: 1 when it is.
        """
        is_new = (c_uint8 * count)()
        return self._add_new(
            (_Set * len(sets))(*(_Set(*one) for one in sets)), len(sets), digests, count, is_new
        ), bytes(is_new)

    def copy_set(self, source: tuple[int, int], target: tuple[int, int]) -> None:
        """Copy into an empty set with more free slots than digests are copied."""
        self._copy_set(_Set(*source), _Set(*target))


@lru_cache(maxsize=1)
def library() -> Library | None:
    """None when it is not compiled; what cannot be loaded counts as not compiled."""
    try:
        return Library(library_file())
    except OSError:
        return None


def declared(function: Any, arguments: list[Any], result: Any = None) -> Any:
    function.argtypes = arguments
    function.restype = result
    return function


def _contract() -> Contract:
    fields = [_field(field) for field in FIELDS]
    kinds = [_Kind(kind.encode(), len(kind), kind in TRAIT_KINDS) for kind in KINDS]
    return Contract(
        (_Field * len(fields))(*fields),
        (_Kind * len(kinds))(*kinds),
        len(fields),
        len(kinds),
        *(set_of(names) for names in (_REQUIRED, _PERSON, _MONEY)),
        *(NAMES.index(name) for name in ("event_id", "source", "properties")),
    )


def set_of(names: Iterable[str]) -> int:
    return sum(1 << NAMES.index(name) for name in names)


def _field(field: EventField) -> _Field:
    return _Field(field.name.encode(), len(field.name), field.max_length, _TYPES[field.type])
