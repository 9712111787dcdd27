"""The rows of the closed segments in a table: closed files never change, so each is parsed once and not again."""

from pathlib import Path

import duckdb

from brokerlytics.index_files import SegmentStamp, stamp_segment
from brokerlytics.store import ClosedSegment
from dashboard_app.reading.csv_relation import EMPTY_TABLE, ROWS_OF_FILES

FileIdentity = tuple[Path, SegmentStamp]


class ClosedRows:
    """Keeps the table `closed` of `database` in step with the store. For one thread at a time."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._loaded: frozenset[FileIdentity] = frozenset()
        database.execute(f"CREATE TABLE closed ({EMPTY_TABLE})")

    def follow(self, present: frozenset[FileIdentity]) -> None:
        """Make the table hold the rows of these files and no others. Raises duckdb.Error, nothing changed."""
        gone, new = self._loaded - present, present - self._loaded
        if not gone and not new:
            return
        self._database.begin()
        try:
            if gone:
                names = {"files": [str(path) for path, *_ in gone]}
                self._database.execute("DELETE FROM closed WHERE filename IN (SELECT unnest($files))", names)
            if new:
                names = {"files": [str(path) for path, *_ in new]}
                self._database.execute(f"INSERT INTO closed {ROWS_OF_FILES}", names)
        except duckdb.Error:
            self._database.rollback()
            raise
        self._database.commit()
        self._loaded = present


def identity(segment: ClosedSegment) -> FileIdentity:
    """Tells a file from another one that has its name, in a store that was made anew. Raises OSError."""
    return segment.path, stamp_segment(segment.path)


def day_of(path: Path) -> str:
    """YYYY-MM-DD, of the directory that the segment is in."""
    return path.parent.name.removeprefix("date=")
