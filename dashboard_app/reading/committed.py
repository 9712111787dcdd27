"""The committed rows of the store as a relation in DuckDB.

Closed segments are read from the index. Those that are not in it yet, or not as they are now, are parsed from their CSV
once, into a database that belongs to this process and ends with it. So is what is committed of the active segments.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import duckdb

from brokerlytics.csv_format import COLUMNS
from brokerlytics.index_files import Manifest, believable_days, index_dir, read_manifest
from brokerlytics.store import Tail, open_snapshot
from dashboard_app.index.relation import create_events, resolve, resolve_more
from dashboard_app.reading import scratch_database
from dashboard_app.reading.closed_rows import ClosedRows, FileIdentity, day_of, identity
from dashboard_app.reading.scratch import ScratchDirectory
from dashboard_app.reading.tail_rows import TailRows, tail_name
from dashboard_app.rollup.rolled import Rolled
from dashboard_app.rollup.rolled_index import RolledIndex, RolledIndexes

ResultT = TypeVar("ResultT")

# Maintenance may rewrite a day between the look at its files and their reading, and the builder the index.
_TRIES: Final = 20
# With what Python and DuckDB take beside it, a web worker stays below 1 GB.
_MEMORY_MEBIBYTES: Final = 640
# On disk, of one process. DuckDB would take nine tenths of what is free.
_SPILL_LIMIT: Final = "4GB"
_COLUMNS: Final = ", ".join(COLUMNS)
_DELTA: Final = f"""
SELECT {_COLUMNS}, regexp_extract(filename, 'date=([^/]+)', 1) AS day FROM closed
UNION ALL SELECT {_COLUMNS}, '' FROM tail"""  # noqa: S608
# Of the tails as they have grown. A tail has higher offsets than everything of its partition before it.
_ARRIVED: Final = f"""
SELECT {_COLUMNS}, '' AS day FROM tail LEFT JOIN resolved_to USING (_partition)
WHERE _offset > coalesce(last_offset, -1)"""  # noqa: S608
_RESOLVED_TO: Final = """
CREATE OR REPLACE TABLE resolved_to AS SELECT _partition, max(_offset) AS last_offset FROM tail GROUP BY _partition"""


class UnreadableStoreError(Exception):
    """DuckDB cannot read the rows; says which file and line, and nothing of what stands there."""


@dataclass(frozen=True, slots=True)
class Look:
    """Which rows are committed at one moment, while the context that gave it lasts.

    `committed_at` is the newest commit's time.
    """

    closed: frozenset[FileIdentity]
    tails: tuple[Tail, ...]
    committed_at: datetime | None

    @property
    def version(self) -> tuple[object, ...]:
        """Changes whenever the committed rows do."""
        return self.closed, tuple((tail_name(tail), tail.committed_bytes) for tail in self.tails)


class CommittedStore:
    """Looks at one topic's committed rows again and again. Not for two threads at once: the caller locks.

    `memory` is what DuckDB may take, in MiB.
    """

    def __init__(self, root: Path, topic: str, scratch: ScratchDirectory, *, memory: int = _MEMORY_MEBIBYTES) -> None:
        self._root = root.absolute()
        self._topic = topic
        self._scratch = scratch
        self._memory = memory
        self._database = self._open_database()
        self._closed = ClosedRows(self._database)
        self._tails = TailRows(self._database, scratch.path)
        self._index = index_dir(self._root, topic)
        # The look whose rows `events` has, and the index and the segments that it was made of.
        self._version: object = None
        self._made_of: object = None
        self._rolled_indexes = RolledIndexes(self._index)
        self._rolled: RolledIndex | None = None

    @contextmanager
    def look(self) -> Iterator[Look]:
        """The committed rows of this moment, not read yet. Raises OSError and CorruptCheckpointError."""
        with open_snapshot(self._root, self._topic) as snapshot:
            closed = frozenset(identity(segment) for segment in snapshot.closed)
            tails = tuple(tail for tail in snapshot.tails if tail.committed_bytes)
            yield Look(closed, tails, snapshot.committed_at)

    @contextmanager
    def rows(self, look: Look) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the rows of `look` as the view `events`; its temporary tables end with it.

        Raises FileNotFoundError when a closed segment or a file of the index was replaced since the look: look again.
        Raises OSError, and UnreadableStoreError for whatever DuckDB says, inside the context as well.
        """
        manifest = read_manifest(self._index)
        believed = believable_days(self._index, manifest, {(day_of(path), stamp) for path, stamp in look.closed})
        with explained(), self._database.cursor() as connection:
            try:
                if (look.version, manifest, believed) != self._version:
                    self._version = None
                    self._resolve(connection, look, manifest, believed)
                    self._version = look.version, manifest, believed
                yield connection
            except duckdb.IOException:
                # DuckDB opens files by their names, after the look: segments that maintenance replaces meanwhile, and
                # those of the index, which the builder removes some seconds after their last use.
                for path in (*(path for path, _ in look.closed), *(self._index / file.name for file in manifest.files)):
                    path.stat()
                raise

    def rolled(self, connection: duckdb.DuckDBPyConnection) -> Rolled | None:
        """What is counted beforehand of the rows that `rows` gave with this connection; None without an index."""
        return Rolled(connection, self._rolled) if self._rolled else None

    def _resolve(
        self, connection: duckdb.DuckDBPyConnection, look: Look, manifest: Manifest, believed: set[str]
    ) -> None:
        """Read what is not in the index, and make `events` of both."""
        indexed = {source for day in manifest.days if day.date in believed for source in day.sources}
        closed = frozenset(one for one in look.closed if (day_of(one[0]), one[1]) not in indexed)
        made_of, self._made_of = self._made_of, None
        self._closed.follow(closed)
        only_grown = self._tails.follow(look.tails)
        if only_grown and made_of == (manifest, believed, closed):
            resolve_more(connection, manifest, _ARRIVED)
        else:
            resolve(connection, self._index, manifest, believed, _DELTA)
        connection.execute(_RESOLVED_TO)
        create_events(connection, self._index, manifest, believed)
        self._rolled = self._rolled_indexes.make(connection, manifest, believed)
        self._made_of = manifest, believed, closed

    def _open_database(self) -> duckdb.DuckDBPyConnection:
        """It may read the store and its own files, and nothing else."""
        database = scratch_database.connect(
            self._scratch,
            "rows.duckdb",
            f"{self._memory}MiB",
            threads=min(4, os.cpu_count() or 1),
            max_temp_directory_size=_SPILL_LIMIT,
        )
        readable = ", ".join("'{}'".format(str(path).replace("'", "''")) for path in (self._root, self._scratch.path))
        database.execute(f"SET allowed_directories = [{readable}]")
        # A file of the index never changes.
        database.execute("SET parquet_metadata_cache = true")
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        return database


def looking_again(read: Callable[[], ResultT]) -> ResultT:
    """What `read` gives, which looks at the store; it is called again while files are replaced under its eyes.

    Raises FileNotFoundError when that does not end, and whatever else `read` does.
    """
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return read()
    return read()


@contextmanager
def explained() -> Iterator[None]:
    """Turns DuckDB's errors, which quote whole rows with the ids in them, into UnreadableStoreError."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        message = "The rows of this range do not fit into the memory that they may take. Choose a shorter range."
        raise UnreadableStoreError(message) from None
    except duckdb.Error as error:
        text = str(error)
        file, line = re.search(r"^ *file = (.+)$", text, re.MULTILINE), re.search(r"CSV Error on Line: (\d+)", text)
        if not file or not line:
            raise UnreadableStoreError(text.partition("\n")[0]) from None
        message = f"{file[1]}: line {line[1]} is no row of the CSV contract. Restore the file or move it away."
        raise UnreadableStoreError(message) from None
