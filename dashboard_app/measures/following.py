"""Following many people's rows in the order of time, on several cores and in bounded memory.

One stretch of time is fetched after the other: from the sequences of the index file by file, side by side, and by SQL.
The rows are divided by parts of the people, and then each core follows one part after the other.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Final

import duckdb
import numpy as np

from brokerlytics.native.attempts import Counted, NativeAttempts, Rules, person_bytes
from brokerlytics.native.division import Batch, Divided, DividedRows, choose_rows, divide_rows
from brokerlytics.native.library import Library, library
from dashboard_app.measures.arrow_batches import arrow_batches
from dashboard_app.measures.attempt_rules import PlainAttempts
from dashboard_app.measures.stored_rows import StoredRows

# Rows that are fetched at once, 13 bytes each and 25 more for those of tied moments; in plain Python one takes some
# twenty times as much.
_ROWS: Final = 12_000_000
_PLAIN_ROWS: Final = 400_000
# What may be known of people at once. Where that is not enough, some are followed after the others.
_PEOPLE_BYTES: Final = 512 * 1024 * 1024
# What is known of the people of one part is in a core's cache, or nearly.
_PART_BYTES: Final = 1024 * 1024
_MOST_PARTS: Final = 12
# As many threads as 2 to the power of this.
_CORES: Final = min(4, os.cpu_count() or 1).bit_length() - 1
# Of created_on, person, steps, and of partition and offset.
_TYPES: Final = (np.int64, np.int32, np.uint8)
_PLACED_TYPES: Final = (*_TYPES, np.int32, np.int64)
_PLACELESS: Final = "SELECT created_on, person, steps FROM ({})"
_TIED: Final = "FROM ({}) WHERE created_on IN (SELECT created_on FROM tied)"
EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 (as DuckDB's TIMESTAMP)
MICROSECOND: Final = timedelta(microseconds=1)
# From, to.
Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Asked:
    """The rows to follow.

    Attributes:
        sql: gives created_on, person, steps, _partition and _offset for the times from $since to before $until, of the
            rows of {relation}: `events`, or `recent` beside what is stored.
        parameters: of it beside these two.
        stretch: from when to when there are rows.
        hours: how many there are, about, by the beginning of the hour; sorted.
        people: is above all numbers of people.
        stored: the rows of the index, without partition and offset; None where SQL gives all.
    """

    sql: str
    parameters: Mapping[str, Any]
    stretch: Stretch
    hours: Sequence[tuple[datetime, int]]
    people: int
    stored: StoredRows | None = None


def follow(connection: duckdb.DuckDBPyConnection, asked: Asked, rules: Rules) -> list[Counted]:
    """The attempts that count, in some parts. Raises duckdb.Error and OSError."""
    native = library()
    if native is None:
        return [_follow_plainly(connection, asked, rules)]
    following = _Following(native, connection, asked, rules.keeps_places, _parts(asked, rules))
    # What is stored is divided by files, and the rest is little.
    side_by_side = 1 if asked.stored else 1 << _CORES
    stretches = divide(asked, _ROWS // side_by_side, side_by_side)
    counted = []
    with ThreadPoolExecutor(1 << _CORES) as pool:
        for followers in _turns(native, asked, rules, following.parts):
            for first in range(0, len(stretches), side_by_side):
                rows = following.rows(pool, stretches[first : first + side_by_side], followers)
                for _ in pool.map(partial(NativeAttempts.follow, rows=rows), followers):
                    pass
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


@dataclass(frozen=True, slots=True)
class _Following:
    """Fetches rows, divided by 2 ** `parts` parts of the people."""

    native: Library
    connection: duckdb.DuckDBPyConnection
    asked: Asked
    are_placed: bool
    parts: int

    def rows(
        self, pool: ThreadPoolExecutor, stretches: Sequence[Stretch], followers: Sequence[NativeAttempts]
    ) -> DividedRows:
        """All rows of these stretches: without partition and offset, and once more with them those of the moments at
        which they matter to one of the followers."""
        with ExitStack() as stack:
            others = [stack.enter_context(closing(self.connection.cursor())) for _ in stretches[1:]]
            # One is asked for by the connection itself, so that who interrupts that is heard.
            work: list[Callable[[], list[Divided]]] = [
                partial(self._asked, connection, stretch)
                for connection, stretch in zip([self.connection, *others], stretches, strict=True)
            ]
            whole = (stretches[0][0], stretches[-1][1])
            if stored := self.asked.stored:
                work += [partial(self._stored, stored, *piece, whole) for piece in stored.pieces(*map(_us, whole))]
            divided = [one for some in pool.map(_call, work) for one in some]
        rows = DividedRows(self.native, divided)
        if self.are_placed:
            return rows
        tied = np.unique(np.concatenate(list(pool.map(rows.tied_moments, [one.part for one in followers]))))
        return DividedRows(self.native, [*divided, *self._tied(tied, whole)]) if len(tied) else rows

    def _asked(self, connection: duckdb.DuckDBPyConnection, stretch: Stretch) -> list[Divided]:
        sql = self.asked.sql.format(relation="recent" if self.asked.stored else "events")
        if self.are_placed:
            return self._divided(connection, sql, stretch, _PLACED_TYPES)
        return self._divided(connection, _PLACELESS.format(sql), stretch, _TYPES)

    def _tied(self, moments: "np.ndarray[Any, np.dtype[np.int64]]", stretch: Stretch) -> list[Divided]:
        self.connection.register("tied", {"created_on": moments.view("datetime64[us]")})
        sql = _TIED.format(self.asked.sql.format(relation="events"))
        divided = self._divided(self.connection, sql, stretch, _PLACED_TYPES)
        self.connection.unregister("tied")
        return divided

    def _divided(
        self, connection: duckdb.DuckDBPyConnection, sql: str, stretch: Stretch, types: Sequence[Any]
    ) -> list[Divided]:
        batches = _batches(connection, self.asked, sql, stretch, types)
        return [divide_rows(self.native, batch, self.parts, in_order=False) for batch in batches]

    def _stored(self, stored: StoredRows, file: int, first_hour: int, end_hour: int, stretch: Stretch) -> list[Divided]:
        rows, steps = stored.read(file, first_hour, end_hour), stored.steps[file]
        since, until = map(_us, stretch)
        chosen = choose_rows(self.native, rows, steps, stored.persons, since=since, until=until)
        return [divide_rows(self.native, chosen, self.parts, in_order=True)]


def _follow_plainly(connection: duckdb.DuckDBPyConnection, asked: Asked, rules: Rules) -> Counted:
    follower, sql = PlainAttempts(rules), asked.sql.format(relation="events")
    for stretch in divide(asked, _PLAIN_ROWS, 1):
        follower.follow(_batches(connection, asked, sql, stretch, _PLACED_TYPES))
    return follower.counted()


def _batches(
    connection: duckdb.DuckDBPyConnection, asked: Asked, sql: str, stretch: Stretch, types: Sequence[Any]
) -> Iterator[Batch]:
    values = {**asked.parameters, "since": stretch[0], "until": stretch[1]}
    return (Batch(*columns) for columns in arrow_batches(connection, sql, values, types))


def _parts(asked: Asked, rules: Rules) -> int:
    """So many parts of the people that one is in the cache, as a power of 2."""
    return max(_CORES, min(_MOST_PARTS, (asked.people * person_bytes(rules) // _PART_BYTES).bit_length()))


def _turns(native: Library, asked: Asked, rules: Rules, parts: int) -> Iterator[list[NativeAttempts]]:
    """Those who follow in one turn, each a part of the people."""
    turns = min(parts - _CORES, (asked.people * person_bytes(rules) // _PEOPLE_BYTES).bit_length())
    size = 1 << (parts - turns)
    for first in range(0, 1 << parts, size):
        yield [NativeAttempts(native, rules, asked.people, part, parts) for part in range(first, first + size)]


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _call(work: Callable[[], list[Divided]]) -> list[Divided]:
    return work()
