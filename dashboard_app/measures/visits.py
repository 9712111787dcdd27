"""The sessions of a range as numbers: from what is kept of spans, or else from their rows.

Most sessions are one span. One of several is put together from them where each ends before the next begins. The rows
are read where spans overlap, where one reaches over an edge of the range, and for what is not kept with spans.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.measures.asked_sessions import EXIT, AskedSessions
from dashboard_app.measures.pieced_visits import Tangled, put_together
from dashboard_app.measures.row_visits import Chosen, visits_of_rows
from dashboard_app.measures.span_pieces import Piece, span_pieces
from dashboard_app.metrics import BOUNCE_ACTS
from dashboard_app.question.bucketing import microseconds
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.filters import DateRange, Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.rollup.layout import Numbers

Period = tuple[DateRange, Sequence[Bucket]]
_Column = npt.NDArray[Any]
_Flags = npt.NDArray[np.bool_]
_PASSING: Final = "SELECT DISTINCT session FROM events WHERE {where}"
_MILLISECOND: Final = 1000


@dataclass(frozen=True, slots=True)
class Visits:
    """Some sessions: an item of each array for each.

    `buckets` are the numbers of those that they begin in, `lengths` are milliseconds; of texts, which are numbers,
    there is the value of the column asked for, the last page, and the first ones. 0 is none.
    """

    buckets: _Column
    lengths: _Column
    events: _Column
    bounces: _Flags
    values: _Column
    exits: _Column
    pages: tuple[_Column, ...]


def load_visits(rows: Rows, filters: Filters, period: Period, asked: AskedSessions, pool: Executor) -> list[Visits]:
    """The sessions that have a row in the range which the filters let through, in parts.

    Raises duckdb.Error and OSError.
    """
    loading = _Loading(rows, filters, period, asked)
    visits = []
    if asked.are_kept:
        taken = list(pool.map(loading.take, loading.spans.pieces))
        visits = [plain for plain, _ in taken]
        odd = {name: np.concatenate([spans[name] for _, spans in taken]) for name in taken[0][1]}
        whole, tangled = put_together(odd, loading.start, loading.end, asked)
        visits.append(loading.visits(whole))
        of_rows = loading.rows_of(tangled)
    else:
        of_rows = [loading.rows_of_all()]
    for chosen in of_rows:
        visits += [loading.visits(part) for part in visits_of_rows(rows.connection, chosen, asked)]
    return visits


class _Loading:
    """Loading the sessions of one range; its `start` and `end` are microseconds."""

    def __init__(self, rows: Rows, filters: Filters, period: Period, asked: AskedSessions) -> None:
        date_range, buckets = period
        self._asked = asked
        self.start, self.end = microseconds(date_range.start), microseconds(date_range.end)
        self._ends = np.array([microseconds(bucket.end) for bucket in buckets])
        self.spans = span_pieces(rows, date_range, asked)
        self._passing = None
        if not filters.passes_all:
            where = filters.where_in(date_range)
            found = rows.connection.execute(_PASSING.format(where=where.sql), where.parameters).fetchnumpy()
            self._passing = self._flags([np.asarray(found["session"])])
        self._odd = self._flags(self.spans.of_several)
        for piece in self.spans.pieces:
            if not piece.is_within:
                spans = piece.read()
                self._odd[spans["session"][(spans["first_on"] < self.start) | (spans["last_on"] >= self.end)]] = True

    def take(self, piece: Piece) -> tuple[Visits, dict[str, _Column]]:
        """The sessions that are one span of the piece, and the spans of it that are parts of others."""
        spans = piece.read()
        is_odd = self._odd[spans["session"]]
        if (chosen := self._chosen(piece, spans)) is None:
            plain, odd = ~is_odd, is_odd
        else:
            plain, odd = chosen & ~is_odd, chosen & is_odd
        whole = spans if plain.all() else {name: column[plain] for name, column in spans.items()}
        return self.visits(whole), {name: column[odd] for name, column in spans.items()}

    def visits(self, spans: dict[str, _Column]) -> Visits:
        """Of spans that are a session each."""
        first_on = spans["first_on"]
        lengths = spans["last_on"] // _MILLISECOND - first_on // _MILLISECOND
        return Visits(
            buckets=self._buckets(first_on),
            lengths=_small(lengths),
            events=_small(spans["events"]),
            bounces=spans["acts"] <= BOUNCE_ACTS,
            values=_small(spans[self._asked.by]),
            exits=_small(spans[EXIT]),
            pages=tuple(_small(spans[name]) for name in self._asked.pages),
        )

    def rows_of(self, tangled: Tangled) -> list[Chosen]:
        """By the edge of the range that they are at, so that not all rows of the range need be looked at."""
        at_start = tangled.first_on < self.start
        found = []
        for some in (tangled[at_start], tangled[~at_start]):
            if len(some.sessions):
                since, until = max(int(some.first_on.min()), self.start), min(int(some.last_on.max()) + 1, self.end)
                found.append(Chosen(some.sessions, some.events, since, until))
        return found

    def rows_of_all(self) -> Chosen:
        """Those of all sessions."""
        events = np.zeros(self.spans.limit, np.int64)
        for piece in self.spans.pieces:
            spans = piece.read()
            chosen = self._chosen(piece, spans)
            np.add.at(events, spans["session"], spans["events"] if chosen is None else spans["events"] * chosen)
        sessions = np.flatnonzero(events)
        return Chosen(sessions, events[sessions], self.start, self.end)

    def _chosen(self, piece: Piece, spans: dict[str, _Column]) -> _Flags | None:
        """Which spans have rows in the range, and are of sessions that pass the filters; None for all."""
        if piece.is_within:
            return None if self._passing is None else self._passing[spans["session"]]
        chosen: _Flags = (spans["last_on"] >= self.start) & (spans["first_on"] < self.end)
        return chosen if self._passing is None else chosen & self._passing[spans["session"]]

    def _buckets(self, moments: Numbers) -> _Column:
        if not len(moments):
            return moments
        # The spans of a file are of few buckets.
        low, high = np.searchsorted(self._ends, [moments.min(), moments.max()], "right")
        return np.searchsorted(self._ends[low:high], moments, "right").astype(np.uint16) + np.uint16(low)

    def _flags(self, sessions: Sequence[Numbers]) -> _Flags:
        flags = np.zeros(self.spans.limit, bool)
        for some in sessions:
            flags[some] = True
        return flags


def _small(numbers: _Column) -> _Column:
    """The same in the memory that the highest needs: there are millions, and all but a few are low."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))), copy=False)
