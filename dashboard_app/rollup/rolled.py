"""What the index has counted beforehand, for the measures: rollups, and the rows that no rollup covers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import duckdb
import numpy as np

from brokerlytics.csv_format import COLUMNS
from dashboard_app.index.base import with_moved
from dashboard_app.metrics import EVENTS
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.filters import DateRange, naive
from dashboard_app.rollup.covered import Covered
from dashboard_app.rollup.covering import Cover, cover, minutes, moment
from dashboard_app.rollup.layout import ANY, EVERY_ROW, QUARTER, Numbers, RollupFile, concatenated
from dashboard_app.rollup.reading import IndexedFile
from dashboard_app.rollup.rolled_index import RolledIndex
from dashboard_app.rollup.tables import NUMBERED

_COLUMNS: Final = ", ".join(COLUMNS)
_LOOSE_COLUMNS: Final = (
    "created_on, event_type, page_path, referrer, utm_source, utm_medium, utm_campaign, country, platform, browser, "
    "os, device_type, app_version, source, device_id, revenue, currency, session"
)
_RECENT: Final = f"SELECT {_LOOSE_COLUMNS} FROM recent WHERE created_on >= $start AND created_on < $end"  # noqa: S608
_OF_SLOTS: Final = f"""
SELECT {_LOOSE_COLUMNS} FROM ({{rows}}) WHERE created_on >= $low AND created_on < $high
AND created_on >= $start AND created_on < $end
AND time_bucket(to_minutes($step), created_on) IN (SELECT unnest($partial::TIMESTAMP[]))"""  # noqa: S608
_LOOSE: Final = """
CREATE OR REPLACE TEMP TABLE {name} AS
SELECT loose.*, named.who AS device
FROM ({rows}) AS loose LEFT JOIN base_name AS named ON NOT named.is_user AND named.id = loose.device_id"""
_NUMBERS: Final = (
    "SELECT value, number FROM {values} WHERE place = $place AND value IN (SELECT unnest($names::VARCHAR[]))"
)
_VALUES: Final = "SELECT number, value FROM {values} WHERE number IN (SELECT unnest($numbers::UINTEGER[]))"
_HIGHEST: Final = "SELECT max(number) FROM {values}"
_EVENTS: Final = f"SELECT {{bucket}} AS bucket, {EVENTS} FROM {{loose}} GROUP BY bucket"  # noqa: S608


@dataclass(frozen=True)
class Rolled:
    """A rolled index and a connection that has the rows: temporary tables of it have those that no rollup covers."""

    connection: duckdb.DuckDBPyConnection
    index: RolledIndex
    _loose: dict[object, str] = field(default_factory=dict)

    def divide(self, asked: DateRange, source: str, buckets: Sequence[Bucket]) -> "Division":
        """The rows of a range, all within `buckets`; of one source unless it is empty."""
        return Division(self, asked, source, tuple(buckets), cover(buckets))

    def source(self, name: str) -> int | None:
        """The number of the source, -1 where the index has no row of it; None of no name."""
        return self.numbers("source", [name]).get(name, -1) if name else None

    def numbers(self, column: str, names: Sequence[str]) -> dict[str, int]:
        """The numbers of a column's values, as far as the index has rows of them."""

        def find() -> dict[str, int]:
            sql = _NUMBERS.format(values=self.index.values)
            asked = {"place": NUMBERED.index(column), "names": list(names)}
            return dict(self.connection.execute(sql, asked).fetchall())

        return self.index.kept.get(("numbers", column, *names), find, lambda _: sum(map(len, names)))

    @property
    def highest_number(self) -> int:
        """No value has a higher one. Raises duckdb.Error."""

        def find() -> int:
            (highest,) = self.connection.execute(_HIGHEST.format(values=self.index.values)).fetchall()[0]
            return highest or 0

        return self.index.kept.get("highest number", find, lambda _: 0)

    def values(self, numbers: Numbers) -> dict[int, str]:
        """The texts of these numbers."""

        def find() -> dict[int, str]:
            sql = _VALUES.format(values=self.index.values)
            return dict(self.connection.execute(sql, {"numbers": numbers.tolist()}).fetchall())

        return self.index.kept.get(("values", numbers.tobytes()), find, lambda found: sum(map(len, found.values())))

    def rows_since(self, minute: int) -> str:
        """A query for the rows of the files that have any from a minute on, and of those that are in no file."""
        parts = [f"SELECT {_COLUMNS} FROM recent"]  # noqa: S608
        parts += [
            with_moved(_COLUMNS, [file.rows], changed=file.is_touched)
            for file in self.index.rollups.files
            if file.rollup.last + QUARTER > minute
        ]
        return " UNION ALL ".join(parts)

    def sessions(self, file: int) -> Numbers:
        """The session of each span of a file, in the order of their numbers."""
        indexed = self.index.rollups.files[file]
        spans = indexed.rollup.spans()
        sessions = spans.copy()
        for changed in self.index.sessions:
            if indexed.date in changed:
                some, others = changed[indexed.date]
                sessions[np.searchsorted(spans, some)] = others
        return sessions

    def loose(self, asked: DateRange, source: str, covered: Cover) -> str:
        """A table of the range's rows that the cover has not. Raises duckdb.Error."""
        key = (covered.step, covered.partial, asked, source)
        if key not in self._loose:
            name = f"loose_{len(self._loose)}"
            rows, parameters = _loose_rows(self.index.rollups.files, covered)
            if source:
                rows, parameters = f"SELECT * FROM ({rows}) WHERE source = $source", {**parameters, "source": source}  # noqa: S608
            times = {"start": naive(asked.start), "end": naive(asked.end)}
            self.connection.execute(_LOOSE.format(name=name, rows=rows), {**parameters, **times})
            self._loose[key] = name
        return self._loose[key]


@dataclass(frozen=True)
class Division:
    """The rows of a range divided: those that rollups cover, and the others."""

    rolled: Rolled
    range: DateRange
    source: str
    buckets: tuple[Bucket, ...]
    cover: Cover

    @property
    def loose(self) -> str:
        """A table of the other rows: what `events` has for columns that are rolled up, and the number of the `device`.

        Raises duckdb.Error.
        """
        return self.rolled.loose(self.range, self.source, self.cover)

    @cached_property
    def covered(self) -> Covered:
        """What the rollups have of it. Raises duckdb.Error."""
        index, source = self.rolled.index, self.rolled.source(self.source)
        return Covered(index.rollups, self.cover, source, len(self.buckets), index.limit, index.kept)

    def newest(self, count: int) -> int:
        """A minute from which on there are at least `count` rows of the range, or else its first. Raises OSError."""
        slots, events = self._quarters()
        order = np.argsort(-slots)
        place = int(np.searchsorted(np.cumsum(events[order]), count))
        return int(slots[order[place]]) if place < len(order) else minutes(self.range.start)

    def _quarters(self) -> tuple[Numbers, Numbers]:
        """The slots that lie wholly in the range, and the events of each, in parts."""
        source, start, end = self.rolled.source(self.source), minutes(self.range.start), minutes(self.range.end)
        found = [
            file.rollup.by_slot(EVERY_ROW) for file in self.rolled.index.rollups.files if file.rollup.last >= start
        ]
        groups = concatenated(found)
        slots = groups["slot"]
        chosen = (slots >= start) & (slots + QUARTER <= end) & ((groups["source"] == source) | (source is None))
        return slots[chosen], groups["events"][chosen]

    def events(self) -> Numbers:
        """How many rows there are in each bucket. Raises duckdb.Error and OSError."""
        (every,) = self.covered.events_by_bucket(EVERY_ROW, (ANY,))
        events: Numbers = every.copy()
        sql = _EVENTS.format(bucket=bucket_sql(self.buckets), loose=self.loose)
        for bucket, count in self.rolled.connection.execute(sql).fetchall():
            events[bucket] += count
        return events


def _loose_rows(files: Sequence[IndexedFile], covered: Cover) -> tuple[str, dict[str, Any]]:
    parts, parameters = [_RECENT], dict[str, Any]()
    for changed in (False, True):
        partly = [file.rows for file in files if file.is_touched is changed and _has_any(file.rollup, covered)]
        if partly:
            parts.append(_OF_SLOTS.format(rows=with_moved(_LOOSE_COLUMNS, partly, changed=changed)))
            parameters = {
                "low": moment(covered.partial[0]),
                "high": moment(covered.partial[-1] + covered.step),
                "step": covered.step,
                "partial": [moment(slot) for slot in covered.partial],
            }
    return " UNION ALL ".join(parts), parameters


def _has_any(file: RollupFile, covered: Cover) -> bool:
    """Whether rows may lie in the slots that are covered in part."""
    return any(slot <= file.last and slot + covered.step > file.first for slot in covered.partial)
