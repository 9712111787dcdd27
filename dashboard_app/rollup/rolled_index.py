"""The rollups of the days that count, kept open from one look at the store to the next."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb
import numpy as np

from brokerlytics.index_files import FileStamp, Manifest
from dashboard_app.facts.layout import FactsFile
from dashboard_app.index.base import moved_days, parquet
from dashboard_app.rollup.kept import Kept
from dashboard_app.rollup.layout import Numbers, RollupFile, starts_of_runs
from dashboard_app.rollup.reading import IndexedFile, Rollups
from dashboard_app.sequence.sequences import Sequences, SequencesOfIndex

_OTHER_SESSION: Final = "SELECT day, span, session FROM {spans} WHERE span <> session ORDER BY day"
_MOVED: Final = "SELECT day, span, session FROM moved ORDER BY day, span"
# The sessions of some spans, by day: two arrays of one length.
_Sessions = dict[str, tuple[Numbers, Numbers]]


@dataclass(frozen=True)
class RolledIndex:
    """The rollups of the days that count, while index and committed rows stay as they are.

    `values` and `revenues` are relations in SQL; in the latter the days that are `gone` do not count. `limit` is above
    the numbers of all devices of the index. `sessions` has those of spans that have another number: as the index says,
    and what changed; `version` is another whenever they are. `kept` is what was counted of the rollups so far.
    `facts` and `sequences` are those of the same days.
    """

    rollups: Rollups
    facts: tuple[FactsFile, ...]
    sequences: Sequences
    values: str
    revenues: str
    limit: int
    gone: tuple[str, ...]
    sessions: tuple[_Sessions, _Sessions]
    version: int
    kept: Kept


class RolledIndexes:
    """Makes one after the other, and opens again only what has changed. For one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[FileStamp, RollupFile] = {}
        self._made_of: object = None
        self._facts: dict[FileStamp, FactsFile] = {}
        self._sessions: _Sessions = {}
        self._moved: _Sessions = {}
        self._version = 0
        self._kept = Kept()
        self._sequences = SequencesOfIndex(directory)

    def make(
        self, connection: duckdb.DuckDBPyConnection, manifest: Manifest, believed: Collection[str]
    ) -> RolledIndex | None:
        """After `resolve`; None without any day. Raises duckdb.Error and OSError."""
        days = [day for day in manifest.days if day.date in believed]
        if not days or not manifest.values or not manifest.revenues:
            return None
        self._files = {
            day.rollup: self._files.get(day.rollup) or RollupFile(self._directory / day.rollup.name) for day in days
        }
        self._facts = {
            day.facts: self._facts.get(day.facts) or FactsFile(self._directory / day.facts.name) for day in days
        }
        touched = moved_days(connection)
        files = [
            IndexedFile(
                day.date, self._files[day.rollup], self._directory / day.file.name, is_touched=day.date in touched
            )
            for day in days
        ]
        if (manifest, days) != self._made_of:
            spans = parquet([self._directory / day.spans.name for day in days])
            self._sessions = _by_day(connection, _OTHER_SESSION.format(spans=spans))
            self._kept = Kept()
            self._made_of = manifest, days
        moved = _by_day(connection, _MOVED)
        if not _are_same(moved, self._moved):
            self._moved, self._version = moved, self._version + 1
        return RolledIndex(
            rollups=Rollups(files),
            facts=tuple(self._facts.values()),
            sequences=self._sequences.make(connection, manifest, days),
            values=parquet([self._directory / manifest.values.name]),
            revenues=parquet([self._directory / manifest.revenues.name]),
            limit=manifest.last_who + 1,
            gone=tuple(day.date for day in manifest.days if day.date not in believed),
            sessions=(self._sessions, self._moved),
            version=self._version,
            kept=self._kept,
        )


def _by_day(connection: duckdb.DuckDBPyConnection, query: str) -> _Sessions:
    found = connection.execute(query).fetchnumpy()
    days, spans, sessions = (np.asarray(found[name]) for name in ("day", "span", "session"))
    first = starts_of_runs(days)
    edges = [*first.tolist(), len(days)]
    return {days[at]: (spans[at:end], sessions[at:end]) for at, end in pairwise(edges)}


def _are_same(some: _Sessions, others: _Sessions) -> bool:
    return some.keys() == others.keys() and all(
        np.array_equal(mine, other) for day in some for mine, other in zip(some[day], others[day], strict=True)
    )
