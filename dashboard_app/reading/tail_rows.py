"""The committed rows of the active segments in a table: what is committed never changes, so each byte is parsed once.

DuckDB cannot read a part of a file, so what was committed since the last look is copied into a file of its own.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

from brokerlytics.csv_format import HEADER
from brokerlytics.store import Tail
from dashboard_app.reading.csv_relation import EMPTY_TABLE, ROWS_OF_FILES

_CHUNK_BYTES: Final = 1024 * 1024


class TailRows:
    """Keeps the table `tail` of `database` in step with the tails. For one thread at a time.

    `directory` is where copies may be written.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, directory: Path) -> None:
        self._database = database
        self._directory = directory
        # How many bytes of each tail are in the table.
        self._loaded: dict[str, int] = {}
        database.execute(f"CREATE TABLE tail ({EMPTY_TABLE})")

    def follow(self, tails: Sequence[Tail]) -> bool:
        """Make the table hold the rows of these tails and no others; whether all stayed that were there.

        Raises duckdb.Error, OSError, nothing changed.
        """
        present = {tail_name(tail): tail for tail in tails}
        gone = [name for name, size in self._loaded.items() if not _goes_on(present.get(name), size)]
        loaded = {name: size for name, size in self._loaded.items() if name not in gone}
        grown = [name for name, tail in present.items() if tail.committed_bytes > loaded.get(name, 0)]
        if not gone and not grown:
            return True
        copies = [self._copy(name, present[name], loaded.get(name, 0)) for name in grown]
        self._database.begin()
        try:
            if gone:
                names = {"files": [str(self._directory / name) for name in gone]}
                self._database.execute("DELETE FROM tail WHERE filename IN (SELECT unnest($files))", names)
            if copies:
                files = {"files": [str(path) for path in copies]}
                self._database.execute(f"INSERT INTO tail {ROWS_OF_FILES}", files)
        except duckdb.Error:
            self._database.rollback()
            raise
        finally:
            for path in copies:
                path.unlink()
        self._database.commit()
        self._loaded = loaded | {name: present[name].committed_bytes for name in grown}
        return not gone

    def _copy(self, name: str, tail: Tail, start: int) -> Path:
        """The rows from the byte `start` on, as a file with a header."""
        path = self._directory / name
        tail.file.seek(start)
        missing = tail.committed_bytes - start
        with path.open("wb") as copy:
            if start:
                copy.write(HEADER)
            while missing:
                chunk = tail.file.read(min(missing, _CHUNK_BYTES))
                if not chunk:
                    raise OSError(f"{tail.name} is shorter than its checkpoint says.")
                copy.write(chunk)
                missing -= len(chunk)
        return path


def tail_name(tail: Tail) -> str:
    """Names the file itself: another file may come to have the same name when a store is made anew."""
    return f"{os.fstat(tail.file.fileno()).st_ino}-{tail.name}"


def _goes_on(tail: Tail | None, size: int) -> bool:
    return tail is not None and tail.committed_bytes >= size
