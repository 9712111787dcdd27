"""Building the index: one generation after the other, each of a bounded number of new segments.

A generation is exact: every row of it has the person and the session that it has with regard to all its rows. So of the
days that were there before, those are written anew in which new rows changed somebody's person or session.
"""

import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb

from brokerlytics.csv_format import COLUMNS
from brokerlytics.index_files import (
    FileStamp,
    IndexedDay,
    Manifest,
    SegmentStamp,
    index_dir,
    read_manifest,
    stamp_segment,
    write_manifest,
)
from dashboard_app.facts.writing import write_facts
from dashboard_app.index.base import SPAN_COLUMNS, create_base, moved_days, parquet, with_moved
from dashboard_app.index.planning import Plan, make_plan, parts_for
from dashboard_app.index.relation import ROW_COLUMNS, resolve
from dashboard_app.reading import scratch_database
from dashboard_app.reading.closed_rows import day_of
from dashboard_app.reading.committed import UnreadableStoreError, explained
from dashboard_app.reading.csv_relation import EMPTY_TABLE, ROWS_OF_FILES
from dashboard_app.reading.scratch import ScratchDirectory
from dashboard_app.rollup.layout import RollupFile
from dashboard_app.rollup.numbered import numbered_rows
from dashboard_app.rollup.tables import prepare_rollups
from dashboard_app.rollup.writing import write_rollup
from dashboard_app.sequence.writing import write_sequence

_MEMORY_LIMIT: Final = "2GB"
_CHUNK_BYTES: Final = 1024 * 1024
_COLUMNS: Final = ", ".join(COLUMNS)
_DELTA: Final = f"""
SELECT {_COLUMNS}, part.day FROM loaded JOIN part ON part.date = regexp_extract(filename, 'date=([^/]+)', 1)"""  # noqa: S608
# What is added to a day is written with all that its file has.
PART_ROWS: Final = 2_000_000
# A tenth larger than with zstd, and read in half the time: numbers and times are packed by their differences.
_PARQUET: Final = "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION snappy)"
_LAST: Final = """
SELECT greatest((SELECT last_span FROM known), (SELECT max(span) FROM recent_span)),
       greatest((SELECT last_who FROM known), (SELECT max(who) FROM recent_name))"""
# Nothing is kept of a device or user that has no rows any more.
_NAMES: Final = """
FROM base_name SEMI JOIN (
    SELECT who FROM base_span UNION SELECT device_who FROM base_link UNION SELECT user_who FROM base_link
    UNION SELECT unnest([user_who, previous_user, previous_device]) FROM base_alias
) USING (who) ORDER BY who"""


class IndexBuilder:
    """Keeps the index of one topic in step with its closed segments. One at a time for a store: the caller locks.

    `wrote` is told after each day that was written: how many of how many days of this generation. Nothing is added to
    a day that has `part_rows` or more: it gets another part.
    """

    def __init__(
        self,
        root: Path,
        topic: str,
        scratch: ScratchDirectory,
        wrote: Callable[[int, int], None],
        *,
        part_rows: int = PART_ROWS,
    ) -> None:
        self._root = root.absolute()
        self._topic = topic
        self._scratch = scratch
        self._wrote = wrote
        self._part_rows = part_rows
        self.directory = index_dir(self._root, topic)
        self.directory.mkdir(parents=True, exist_ok=True)

    def plan(self) -> Plan:
        """Raises OSError: FileNotFoundError when a day was rewritten just now."""
        return make_plan(self._root, self._topic, self.directory)

    def build(self, plan: Plan) -> Manifest:
        """Write the next generation and let it count.

        Raises OSError and UnreadableStoreError: the last generation counts on; FileNotFoundError when a day was
        rewritten meanwhile.
        """
        try:
            manifest = self._written(plan)
        except UnreadableStoreError:
            _check_unchanged(plan)
            raise
        _check_unchanged(plan)
        write_manifest(self.directory, manifest)
        return manifest

    def _written(self, plan: Plan) -> Manifest:
        """The files of the next generation."""
        place = self._scratch.path / "build.duckdb"
        place.unlink(missing_ok=True)
        with explained(), scratch_database.connect(self._scratch, place.name, _MEMORY_LIMIT) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.execute(f"CREATE TABLE loaded ({EMPTY_TABLE})")
            connection.execute("CREATE TABLE part (date VARCHAR, day VARCHAR)")
            parts = parts_for(plan, self._part_rows)
            for date, day in parts.items():
                connection.execute("INSERT INTO part VALUES (?, ?)", [date, day])
            if plan.new:
                names = [str(path) for path, _ in plan.new]
                connection.execute(f"INSERT INTO loaded {ROWS_OF_FILES}", {"files": names})
            resolve(connection, self.directory, plan.manifest, plan.believed, _DELTA)
            manifest = self._write(connection, plan, parts)
        place.unlink()
        return manifest

    def sweep(self) -> bool:
        """Remove the files that do not count any more; whether there were any."""
        counted = {file.name for file in read_manifest(self.directory).files}
        found = [path for path in self.directory.glob("*-*.*") if path.name not in counted]
        for path in found:
            path.unlink()
        return bool(found)

    def discard(self) -> None:
        """Let nothing count any more: the next generation takes everything in."""
        write_manifest(self.directory, Manifest(generation=read_manifest(self.directory).generation))

    def check(self) -> list[str]:
        """Hold every file against its checksum, and remove those that differ; returns their names. Raises OSError.

        What is removed is missing, and so built anew: a day, or all when it is one of the other tables.
        """
        wrong = []
        for file in read_manifest(self.directory).files:
            path = self.directory / file.name
            if path.exists() and _checksum(path) != file.crc:
                wrong.append(file.name)
                path.unlink()
        return wrong

    def _write(self, connection: duckdb.DuckDBPyConnection, plan: Plan, parts: Mapping[str, str]) -> Manifest:
        before = {day.date: day for day in plan.manifest.days if day.date in plan.believed}
        generation = plan.manifest.generation + 1
        added: dict[str, list[SegmentStamp]] = {}
        for path, stamp in plan.new:
            added.setdefault(parts[day_of(path)], []).append(stamp)
        moved = moved_days(connection)
        kept = [RollupFile(self.directory / day.rollup.name) for day in before.values()] if plan.gone else None
        prepare_rollups(connection, self.directory, plan.manifest, kept)
        days = dict(before)
        dates = sorted(moved | added.keys())
        for number, date in enumerate(dates, start=1):
            days[date] = self._write_day(connection, generation, date, before.get(date), added.get(date, ()))
            self._wrote(number, len(dates))
        # What was known before, but for the days that are gone, and what is new.
        create_base(connection, self.directory, plan.manifest, without=plan.gone)
        last_span, last_who = connection.execute(_LAST).fetchall()[0]

        def table(name: str, query: str) -> FileStamp:
            return self._copy(connection, query, f"{name}-{generation:08}.parquet")[0]

        return Manifest(
            generation=generation,
            last_span=last_span,
            last_who=last_who,
            days=tuple(days[date] for date in sorted(days)),
            links=table("links", "FROM base_link"),
            aliases=table("aliases", "FROM base_alias"),
            names=table("names", _NAMES),
            values=table("values", "FROM value"),
            revenues=table("revenues", "FROM revenues"),
        )

    def _write_day(
        self,
        connection: duckdb.DuckDBPyConnection,
        generation: int,
        date: str,
        old: IndexedDay | None,
        added: Sequence[SegmentStamp],
    ) -> IndexedDay:
        """The day as it was, with what moved, and its new rows."""

        def copy(name: str, columns: str, recent: str, before: FileStamp | None, order: str) -> tuple[FileStamp, int]:
            query = f"SELECT {columns} FROM {recent} WHERE day = $day"  # noqa: S608
            if before:
                query += f" UNION ALL {with_moved(columns, [self.directory / before.name], changed=True)}"
            file = f"{name}-{date}-{generation:08}.parquet"
            return self._copy(connection, f"{query} ORDER BY {order}", file, {"day": date})

        rows, count = copy("rows", ROW_COLUMNS, "recent", old.file if old else None, "created_on")
        # Few rows have a revenue, and to look for them among all is what costs most.
        paid = f"FROM {parquet([self.directory / rows.name])} WHERE revenue IS NOT NULL ORDER BY created_on"
        amounts, _ = self._copy(connection, paid, f"amounts-{date}-{generation:08}.parquet")
        spans, _ = copy("spans", SPAN_COLUMNS, "recent_span", old.spans if old else None, "first_on")
        segments = (*(old.segments if old else ()), *added)
        if old and not added:
            return IndexedDay(date, segments, rows, count, spans, old.facts, old.rollup, old.sequence, amounts)
        facts, rollup, sequence = (f"{name}-{date}-{generation:08}.bin" for name in ("facts", "rollup", "sequence"))
        of_rows, of_spans = self.directory / rows.name, self.directory / spans.name
        write_facts(connection, date, self.directory / old.facts.name if old else None, self.directory / facts)
        with numbered_rows(connection, of_rows, of_spans) as column:
            write_rollup(column, self.directory / rollup)
            write_sequence(column, self.directory / sequence)
        of_facts, of_rollup, of_sequence = map(self._stamp, (facts, rollup, sequence))
        return IndexedDay(date, segments, rows, count, spans, of_facts, of_rollup, of_sequence, amounts)

    def _copy(
        self, connection: duckdb.DuckDBPyConnection, query: str, name: str, values: Mapping[str, object] | None = None
    ) -> tuple[FileStamp, int]:
        """The result of a query as a file of the index, on disk; its stamp, and how many rows it has."""
        path = self.directory / name
        target = str(path).replace("'", "''")
        (rows,) = connection.execute(f"COPY ({query}) TO '{target}' {_PARQUET}", values or {}).fetchall()[0]
        with path.open("rb") as file:
            os.fsync(file.fileno())
        return self._stamp(name), rows

    def _stamp(self, name: str) -> FileStamp:
        path = self.directory / name
        return FileStamp(name, path.stat().st_size, _checksum(path))


def _check_unchanged(plan: Plan) -> None:
    """Raises FileNotFoundError."""
    if any(stamp != stamp_segment(path) for path, stamp in plan.new):
        raise FileNotFoundError("A segment was replaced while it was read.")


def _checksum(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc
