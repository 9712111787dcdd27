"""Following many people's rows in the order of time, on several cores and in bounded memory.

One stretch of time is fetched after the other, some side by side, and then each core follows a part of the people.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any, Final

import duckdb
import numpy as np

from brokerlytics.native.attempts import Batch, Counted, NativeAttempts, Rules, person_bytes, tied_moments
from brokerlytics.native.library import Library, library
from dashboard_app.arrow_batches import arrow_batches
from dashboard_app.measures.attempt_rules import PlainAttempts

# Rows that are fetched at once, 13 bytes each and 25 more for those of tied moments; in plain Python one takes some
# twenty times as much.
_ROWS: Final = 12_000_000
_PLAIN_ROWS: Final = 400_000
# What may be known of people at once. Where that is not enough, some are followed after the others.
_PEOPLE_BYTES: Final = 512 * 1024 * 1024
# As many threads as 2 to the power of this.
_CORES: Final = min(4, os.cpu_count() or 1).bit_length() - 1
# Of created_on, person, steps, and of partition and offset.
_TYPES: Final = (np.int64, np.int32, np.uint8)
_PLACED_TYPES: Final = (*_TYPES, np.int32, np.int64)
_PLACELESS: Final = "SELECT created_on, person, steps FROM ({})"
_TIED: Final = "FROM ({}) WHERE created_on IN (SELECT created_on FROM tied)"
# From, to.
Stretch = tuple[datetime, datetime]
_Follower = NativeAttempts | PlainAttempts
_Rows = Callable[[duckdb.DuckDBPyConnection, Stretch], list[Batch]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The rows to follow.

    Attributes:
        sql: gives created_on, person, steps, _partition and _offset for the times from $since to before $until.
        parameters: of it beside these two.
        stretch: from when to when there are rows.
        hours: how many there are, about, by the beginning of the hour; sorted.
        people: is above all numbers of people.
    """

    sql: str
    parameters: Mapping[str, Any]
    stretch: Stretch
    hours: Sequence[tuple[datetime, int]]
    people: int


def follow(connection: duckdb.DuckDBPyConnection, asked: Asked, rules: Rules) -> list[Counted]:
    """The attempts that count, in some parts. Raises duckdb.Error."""
    native = library()
    rows = partial(_placed_rows, asked) if native is None or rules.keeps_places else partial(_rows, native, asked)
    stretches = divide(asked, _ROWS >> _CORES if native else _PLAIN_ROWS, 1 << _CORES)
    counted = []
    with ThreadPoolExecutor(1 << _CORES) as pool:
        for followers in _followers(native, asked, rules):
            for first in range(0, len(stretches), 1 << _CORES):
                some = stretches[first : first + (1 << _CORES)]
                batches = _fetch(connection, some, pool, rows)
                for following in [pool.submit(follower.follow, batches) for follower in followers]:
                    following.result()
            counted += [follower.counted() for follower in followers]
    return counted


def divide(asked: Asked, most: int, side_by_side: int) -> list[Stretch]:
    """Stretches of about as many rows each, at most `most`; a multiple of `side_by_side` if there are enough hours."""
    sums = np.cumsum([rows for _, rows in asked.hours])
    total = int(sums[-1]) if len(sums) else 0
    pieces = side_by_side * max(1, -(-total // (most * side_by_side)))
    places = {int(np.searchsorted(sums, total * piece // pieces, "right")) for piece in range(1, pieces)}
    start, end = asked.stretch
    edges = [asked.hours[place][0] for place in sorted(places) if place < len(sums)]
    edges = [start, *(edge for edge in edges if start < edge < end), end]
    return list(pairwise(edges))


def _fetch(
    connection: duckdb.DuckDBPyConnection, stretches: Sequence[Stretch], pool: ThreadPoolExecutor, rows: _Rows
) -> list[Batch]:
    """All rows of these stretches. One is asked for by `connection` itself, so that who interrupts that is heard."""
    with ExitStack() as stack:
        others = [stack.enter_context(closing(connection.cursor())) for _ in stretches[1:]]
        return [batch for some in pool.map(rows, [connection, *others], stretches) for batch in some]


def _rows(native: Library, asked: Asked, connection: duckdb.DuckDBPyConnection, stretch: Stretch) -> list[Batch]:
    """All rows without partition and offset, and once more with them those of the moments at which they matter."""
    values = _values(asked, stretch)
    batches = [Batch(*columns) for columns in arrow_batches(connection, _PLACELESS.format(asked.sql), values, _TYPES)]
    tied = tied_moments(native, batches)
    if len(tied):
        connection.register("tied", {"created_on": tied.view("datetime64[us]")})
        batches += _placed(connection, _TIED.format(asked.sql), values)
        connection.unregister("tied")
    return batches


def _placed_rows(asked: Asked, connection: duckdb.DuckDBPyConnection, stretch: Stretch) -> list[Batch]:
    return _placed(connection, asked.sql, _values(asked, stretch))


def _placed(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> list[Batch]:
    return [Batch(*columns) for columns in arrow_batches(connection, sql, values, _PLACED_TYPES)]


def _values(asked: Asked, stretch: Stretch) -> dict[str, Any]:
    return {**asked.parameters, "since": stretch[0], "until": stretch[1]}


def _followers(native: Library | None, asked: Asked, rules: Rules) -> Iterator[list[_Follower]]:
    """Those who follow at the same time, each a part of the people: all of them, one list after the other."""
    if native is None:
        yield [PlainAttempts(rules)]
        return
    parts = _CORES + (asked.people * person_bytes(rules) // _PEOPLE_BYTES).bit_length()
    for first in range(0, 1 << parts, 1 << _CORES):
        yield [NativeAttempts(native, rules, asked.people, part, parts) for part in range(first, first + (1 << _CORES))]
