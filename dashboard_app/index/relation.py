"""The relation `events`: the rows of the index and those that are not in it, each with its person and its session."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import duckdb

from brokerlytics.csv_format import COLUMNS
from brokerlytics.index_files import Manifest
from dashboard_app.index import people, sessions

_COLUMNS: Final = ", ".join(COLUMNS)
_PLACE: Final = "NULL::STRUCT(created_on TIMESTAMP, _partition INTEGER, _offset BIGINT) AS place"
# What the tables of an index are where there is none.
_EMPTY: Final = {
    "base_span": "NULL::VARCHAR AS day, NULL::BIGINT AS span, NULL::VARCHAR AS who, NULL::VARCHAR AS session_id, "
    "NULL::TIMESTAMP AS first_on, NULL::TIMESTAMP AS last_on, NULL::VARCHAR AS person, NULL::BIGINT AS session",
    "base_link": f"NULL::VARCHAR AS day, NULL::VARCHAR AS device_id, NULL::VARCHAR AS user_id, {_PLACE}",
    "base_alias": f"NULL::VARCHAR AS day, NULL::VARCHAR AS user_id, NULL::VARCHAR AS previous_id, {_PLACE}",
}


def resolve(
    connection: duckdb.DuckDBPyConnection, directory: Path, manifest: Manifest, believed: Iterable[str], delta: str
) -> None:
    """Find person and session of the rows of `delta`, and what they change for those of the index.

    Leaves the tables `recent` and `moved`. `delta` is a query that gives the CSV's columns and `day`; `believed` are
    the days of the index that count; of the others, their rows are in `delta`. Raises duckdb.Error.
    """
    files = {"base_span": manifest.spans, "base_link": manifest.links, "base_alias": manifest.aliases}
    for name, file in files.items():
        source = _parquet([directory / file.name]) if file else f"(SELECT {_EMPTY[name]} WHERE false)"
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {source}")  # noqa: S608
    connection.execute("CREATE OR REPLACE TABLE gone (day VARCHAR)")
    gone = sorted({day.date for day in manifest.days} - set(believed))
    connection.execute("INSERT INTO gone SELECT unnest($days)", {"days": gone})
    connection.execute(f"CREATE OR REPLACE VIEW delta AS {delta}")
    connection.execute(
        "CREATE OR REPLACE TABLE known AS SELECT $last_span::BIGINT AS last_span", {"last_span": manifest.last_span}
    )
    for statement in (*people.STATEMENTS, *sessions.STATEMENTS):
        connection.execute(statement)


def create_events(
    connection: duckdb.DuckDBPyConnection, directory: Path, manifest: Manifest, believed: Iterable[str]
) -> None:
    """Make the view `events` after `resolve`: every row once, with the CSV's columns, `person` and `session`."""
    touched = {day for (day,) in connection.execute("SELECT DISTINCT day FROM moved").fetchall()}
    # The newest first: who asks for the latest rows need not read the others.
    days = [day for day in reversed(manifest.days) if day.date in set(believed)]
    parts = [f"SELECT {_COLUMNS}, person, session FROM recent"]  # noqa: S608
    for changed in (False, True):
        files = [directory / day.file.name for day in days if (day.date in touched) is changed]
        if files:
            parts.append(f"SELECT {_COLUMNS}, person, session FROM ({indexed_rows(files, changed=changed)})")  # noqa: S608
    connection.execute(f"CREATE OR REPLACE VIEW events AS {' UNION ALL '.join(parts)}")


def indexed_rows(files: Sequence[Path], *, changed: bool) -> str:
    """A query for the rows of these files, with `span`; `changed` puts right what is in the table `moved`."""
    if not changed:
        return f"SELECT {_COLUMNS}, person, session, span FROM {_parquet(files)}"  # noqa: S608
    columns = ", ".join(f"indexed.{name}" for name in COLUMNS)
    return (
        f"SELECT {columns}, coalesce(moved.person, indexed.person) AS person, "  # noqa: S608
        f"coalesce(moved.session, indexed.session) AS session, indexed.span "
        f"FROM {_parquet(files)} AS indexed LEFT JOIN moved ON indexed.span = moved.span"
    )


def _parquet(files: Sequence[Path]) -> str:
    names = ", ".join("'{}'".format(str(path).replace("'", "''")) for path in files)
    return f"read_parquet([{names}], hive_partitioning=false)"
