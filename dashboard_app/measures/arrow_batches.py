"""The rows of a query as arrays, while it runs and without a copy, by way of Arrow's C stream interface.

DuckDB hands them out in pieces of about 100,000 rows; as arrays of numpy all at once, they would be copied twice.
The structures are those of https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html.
"""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int64, c_void_p, py_object
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

from brokerlytics.native.library import declared

# One array for each column.
Columns = tuple[npt.NDArray[Any], ...]
_ERRORS: Final = {
    "INTERRUPT Error": duckdb.InterruptException,
    "Out of Memory Error": duckdb.OutOfMemoryException,
    "IO Error": duckdb.IOException,
}


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


_Array._fields_ = [
    *((name, c_int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(_Array))),
    ("dictionary", c_void_p),
    ("release", CFUNCTYPE(None, POINTER(_Array))),
    ("private_data", c_void_p),
]
_Stream._fields_ = [
    ("get_schema", c_void_p),
    ("get_next", CFUNCTYPE(c_int, POINTER(_Stream), POINTER(_Array))),
    ("get_last_error", CFUNCTYPE(c_char_p, POINTER(_Stream))),
    ("release", c_void_p),
    ("private_data", c_void_p),
]
_pointer: Final = declared(ctypes.pythonapi.PyCapsule_GetPointer, [py_object, c_char_p], c_void_p)


class _Owner:
    """Gives an array's memory back when nothing is left that reads it."""

    def __init__(self, array: _Array) -> None:
        self.array: Final = array

    def __del__(self) -> None:
        self.array.release(byref(self.array))


def arrow_batches(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object], types: Sequence[npt.DTypeLike]
) -> list[Columns]:
    """All rows of the query, in some order; the arrays can be read only.

    `types` are those of the columns: numbers or times, none of which may be NULL. Raises duckdb.Error.
    """
    owners = list(_arrays(connection.sql(sql, params=parameters)))
    return [_columns(owner, types) for owner in owners if owner.array.length]


def _arrays(relation: duckdb.DuckDBPyRelation) -> Iterator[_Owner]:
    # The capsule gives the stream back when it goes.
    capsule = relation.__arrow_c_stream__()
    stream = _Stream.from_address(_pointer(capsule, b"arrow_array_stream"))
    while True:
        array = _Array()
        if stream.get_next(byref(stream), byref(array)):
            text = (stream.get_last_error(byref(stream)) or b"").decode()
            raise _ERRORS.get(text.partition(":")[0], duckdb.Error)(text)
        if not array.release:
            return
        yield _Owner(array)


def _columns(owner: _Owner, types: Sequence[npt.DTypeLike]) -> Columns:
    return tuple(_column(owner, number, np.dtype(type_)) for number, type_ in enumerate(types))


def _column(owner: _Owner, number: int, type_: "np.dtype[Any]") -> npt.NDArray[Any]:
    column = owner.array.children[number].contents
    if column.null_count > 0:
        raise ValueError("A column has no value in some row.")
    memory = (ctypes.c_char * (column.length * type_.itemsize)).from_address(
        column.buffers[1] + column.offset * type_.itemsize
    )
    memory.owner = owner
    array = np.frombuffer(memory, type_)
    array.flags.writeable = False
    return array
