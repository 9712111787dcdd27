"""The numbers of sessions: how many, how long, where they begin and end. docs/metrics.md defines each.

Every session is an item of the same arrays, and every number is counted from those, so that they agree.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.measures.asked_sessions import AskedSessions
from dashboard_app.measures.commonest import commonest
from dashboard_app.measures.paths import PathCount, count_paths, name_paths
from dashboard_app.measures.session_counts import SessionCounts, count_all, count_groups
from dashboard_app.measures.texts import Texts
from dashboard_app.measures.visits import Visits, load_visits
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.rollup.layout import Numbers

TOP: Final = 10
# The classes of length, [lower, upper) but for the first, which is a session without any length. The last has no end.
LENGTHS: Final[tuple[timedelta, ...]] = tuple(
    timedelta(seconds=seconds) for seconds in (10, 30, 60, 180, 600, 1800, 3600)
)
_LENGTH_EDGES: Final = [1, *(length // timedelta(milliseconds=1) for length in LENGTHS)]
_THREADS: Final = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class SessionPeriod:
    """The sessions of a range, and those that began in each of its buckets: these add up to the whole."""

    total: SessionCounts
    buckets: list[SessionCounts]


@dataclass(frozen=True, slots=True)
class Sessions:
    """What the page shows. The keys of `values`, `entries` and `exits` are None for sessions that have no such value.

    `lengths` has the number of sessions without length, then one for each class of LENGTHS, then of longer ones.
    """

    current: SessionPeriod
    previous: SessionPeriod | None
    lengths: list[int]
    values: dict[str | None, SessionCounts]
    entries: dict[str | None, SessionCounts]
    exits: dict[str | None, SessionCounts]
    paths: list[PathCount] = field(default_factory=list)


def measure_sessions(rows: Rows, filters: Filters, column: str, pages: int) -> Sessions:
    """Measure the sessions of the range, by `column` and by their first `pages` pages.

    Raises duckdb.Error and OSError.
    """
    asked = AskedSessions(rows.rolled, column, pages)
    with ThreadPoolExecutor(_THREADS) as pool:
        previous = None
        if filters.previous:
            before = filters.previous, filters.previous_buckets
            previous = _period(load_visits(rows, filters, before, asked, pool), filters.previous_buckets)
        visits = load_visits(rows, filters, (filters.range, filters.buckets), asked, pool)
        # What takes longest first. Names are looked up by this thread alone.
        paths = pool.submit(count_paths, visits, asked.page_texts.limit)
        columns = (
            ([some.values for some in visits], asked.by_texts),
            ([some.pages[0] for some in visits], asked.page_texts),
            ([some.exits for some in visits], asked.page_texts),
        )
        counted = [pool.submit(_count_numbers, numbers) for numbers, _ in columns]
        period, lengths = pool.submit(_period, visits, filters.buckets), pool.submit(_lengths, visits)
        tops = [_top(counts.result(), texts) for counts, (_, texts) in zip(counted, columns, strict=True)]
        by_top = [
            pool.submit(_count_top, visits, numbers, list(top)) for top, (numbers, _) in zip(tops, columns, strict=True)
        ]
        values, entries, exits = (
            dict(zip(top.values(), counts.result(), strict=True)) for top, counts in zip(tops, by_top, strict=True)
        )
        return Sessions(
            current=period.result(),
            previous=previous,
            lengths=lengths.result(),
            values=values,
            entries=entries,
            exits=exits,
            paths=name_paths(paths.result(), asked.page_texts),
        )


def _period(visits: Sequence[Visits], buckets: Sequence[Bucket]) -> SessionPeriod:
    return SessionPeriod(count_all(visits), count_groups(visits, [some.buckets for some in visits], len(buckets)))


def _lengths(visits: Sequence[Visits]) -> list[int]:
    counts = np.zeros(len(LENGTHS) + 2, np.int64)
    for some in visits:
        counts += np.bincount(np.searchsorted(_LENGTH_EDGES, some.lengths, "right"), minlength=len(counts))
    return counts.tolist()


def _count_numbers(numbers: Sequence[npt.NDArray[Any]]) -> Numbers:
    """How many sessions have each of the numbers, from 0 on."""
    counts = np.zeros(1 + max(int(some.max(initial=0)) for some in numbers), np.int64)
    for some in numbers:
        np.add.at(counts, some, 1)
    return counts


def _top(counts: Numbers, texts: Texts) -> dict[int, str | None]:
    """The commonest numbers with their texts, by number of sessions, then by name, none last. Raises duckdb.Error."""
    found = commonest(counts, TOP)
    names = texts.texts(found)
    ranked = sorted(found.tolist(), key=lambda number: (-counts[number], number == 0, names[number] or ""))
    return {number: names[number] for number in ranked[:TOP]}


def _count_top(
    visits: Sequence[Visits], numbers: Sequence[npt.NDArray[Any]], top: Sequence[int]
) -> list[SessionCounts]:
    """The numbers over the sessions that have each of the `top` numbers."""
    groups = np.full(max((int(some.max(initial=0)) for some in numbers), default=0) + 1, len(top), np.uint16)
    groups[list(top)] = np.arange(len(top))
    return count_groups(visits, [groups[some] for some in numbers], len(top))
