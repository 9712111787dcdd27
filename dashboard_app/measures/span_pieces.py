"""The spans that have rows in a range, as columns of numbers: file by file of the index, and those of recent rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from dashboard_app.facts.layout import FactsFile
from dashboard_app.measures.asked_sessions import AskedSessions
from dashboard_app.question.filters import DateRange, naive
from dashboard_app.reading.rows import Rows
from dashboard_app.rollup.covering import minutes
from dashboard_app.rollup.layout import QUARTER, Numbers
from dashboard_app.rollup.rolled import Rolled

_TIMES: Final = ("first_on", "last_on")
_ROWS: Final = (*_TIMES, "events")
_RECENT: Final = "SELECT span, session, {columns} FROM recent_span WHERE last_on >= $start AND first_on < $end"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some spans: `read` gives columns of them, and the `session` of each. It may be called by any thread.

    `is_within` says that all their rows are known to lie in the range.
    """

    read: Callable[[], dict[str, Any]]
    is_within: bool


@dataclass(frozen=True, slots=True)
class SpanPieces:
    """All spans that have rows in a range, and some more.

    `of_several` are the sessions that have spans with another number than theirs, and `limit` is above all sessions.
    """

    pieces: Sequence[Piece]
    of_several: Sequence[Numbers]
    limit: int


def span_pieces(rows: Rows, date_range: DateRange, asked: AskedSessions) -> SpanPieces:
    """With what is asked of sessions, or else what tells which rows they have. Raises duckdb.Error and OSError."""
    names = asked.columns if asked.are_kept else _ROWS
    recent = _recent(rows, date_range, names, asked)
    spans, sessions = recent.pop("span"), recent["session"]
    pieces = [Piece(lambda: recent, is_within=False)]
    of_several, limit = [sessions[spans != sessions]], int(sessions.max(initial=0)) + 1
    if rolled := rows.rolled:
        limit = max(limit, rolled.index.rollups.span_limit)
        start, end = minutes(date_range.start), minutes(date_range.end)
        for number, (indexed, facts) in enumerate(zip(rolled.index.rollups.files, rolled.index.facts, strict=True)):
            first, last = indexed.rollup.first, indexed.rollup.last + QUARTER
            if last > start and first < end:
                is_within = first >= start and last <= end
                pieces.append(Piece(partial(_read, rolled, number, facts, names), is_within))
        of_several += [sessions for by_day in rolled.index.sessions for _, sessions in by_day.values()]
    return SpanPieces(pieces, of_several, limit)


def _read(rolled: Rolled, number: int, facts: FactsFile, names: Sequence[str]) -> dict[str, Any]:
    return {**facts.read(names), "session": rolled.sessions(number)}


def _recent(rows: Rows, date_range: DateRange, names: Sequence[str], asked: AskedSessions) -> dict[str, Any]:
    columns = ", ".join(f"epoch_us({name}) AS {name}" if name in _TIMES else name for name in names)
    times = {"start": naive(date_range.start), "end": naive(date_range.end)}
    found = rows.connection.execute(_RECENT.format(columns=columns), times).fetchnumpy()
    return {name: asked.numbered(name, column) for name, column in found.items()}
