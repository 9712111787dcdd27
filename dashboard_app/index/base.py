"""What is known before rows are resolved, as views: the tables of the index, and what came since."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import duckdb

from brokerlytics.csv_format import COLUMNS
from brokerlytics.index_files import FileStamp, Manifest
from dashboard_app.index.facts import FACT_COLUMNS, SPAN_FACTS
from dashboard_app.reading.csv_relation import TYPES

_PLACE: Final = "STRUCT(created_on TIMESTAMP, _partition INTEGER, _offset BIGINT)"
_SPAN: Final = ("day", "span", "who", "session_id", "first_on", "last_on", "person", "session")
# Of spans in the index, and of recent ones.
SPAN_COLUMNS: Final = ", ".join((*_SPAN, *SPAN_FACTS))
RECENT_SPAN_COLUMNS: Final = ", ".join((*_SPAN, *FACT_COLUMNS))
# What is known of the rows that are in no index. `moved` has what they change for spans of the index.
_TABLES: Final = {
    "recent": ", ".join(f"{name} {TYPES.get(name, 'VARCHAR')}" for name in COLUMNS)
    + ", person INTEGER, session BIGINT, span BIGINT, day VARCHAR",
    "recent_span": "day VARCHAR, span BIGINT, who INTEGER, session_id VARCHAR, first_on TIMESTAMP, last_on TIMESTAMP, "
    "person INTEGER, session BIGINT, " + ", ".join(f"{name} {kind}" for name, kind in FACT_COLUMNS.items()),
    "recent_link": f"day VARCHAR, device_who INTEGER, user_who INTEGER, place {_PLACE}",
    "recent_alias": "day VARCHAR, user_who INTEGER, previous_user INTEGER, previous_device INTEGER, place " + _PLACE,
    "recent_person": "who INTEGER, person INTEGER",
    "recent_name": "who INTEGER, is_user BOOLEAN, id VARCHAR",
    "moved": "day VARCHAR, span BIGINT, person INTEGER, session BIGINT",
}


def forget_recent(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of recent rows anew, empty. Raises duckdb.Error."""
    for name, columns in _TABLES.items():
        connection.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")


def create_base(
    connection: duckdb.DuckDBPyConnection, directory: Path, manifest: Manifest, without: Collection[str]
) -> None:
    """The views `base_span`, `base_link`, `base_alias` and `base_name`, without some days. Raises duckdb.Error."""
    files = [(day.date, directory / day.spans.name) for day in manifest.days if day.date not in without]
    spans = with_recent(connection, "recent_span", SPAN_COLUMNS, files)
    connection.execute(f"CREATE OR REPLACE VIEW base_span AS {spans}")
    tables = {"link": manifest.links, "alias": manifest.aliases}
    for name, file in tables.items():
        query = f"FROM recent_{name} UNION ALL {_table(directory, file, f'recent_{name}')}"
        if file and without:
            query += f" WHERE day NOT IN ({', '.join(map(quoted, sorted(without)))})"
        connection.execute(f"CREATE OR REPLACE VIEW base_{name} AS {query}")
    names = f"FROM recent_name UNION ALL {_table(directory, manifest.names, 'recent_name')}"
    connection.execute(f"CREATE OR REPLACE VIEW base_name AS {names}")


def with_recent(
    connection: duckdb.DuckDBPyConnection, recent: str, columns: str, files: Sequence[tuple[str, Path]]
) -> str:
    """A query for `columns` of the relation `recent` and of files of the index, in the order of these (day, file).

    Raises duckdb.Error.
    """
    touched = moved_days(connection)
    parts = [f"SELECT {columns} FROM {recent}"]  # noqa: S608
    for changed in (False, True):
        some = [file for day, file in files if (day in touched) is changed]
        if some:
            parts.append(with_moved(columns, some, changed=changed))
    return " UNION ALL ".join(parts)


def moved_days(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The days of the index in which spans have another person or session now. Raises duckdb.Error."""
    return {day for (day,) in connection.execute("SELECT DISTINCT day FROM moved").fetchall()}


def with_moved(columns: str, files: Sequence[Path], *, changed: bool) -> str:
    """A query for `columns` of these files; `changed` puts right what is in the table `moved`."""
    if not changed:
        return f"SELECT {columns} FROM {parquet(files)}"  # noqa: S608
    right = {
        "day": "indexed.day",
        "span": "indexed.span",
        "person": "coalesce(moved.person, indexed.person) AS person",
        "session": "coalesce(moved.session, indexed.session) AS session",
    }
    chosen = ", ".join(right.get(name, name) for name in columns.split(", "))
    # That there is one row for a span lets DuckDB leave the join out where no person and no session is asked for.
    one = "SELECT span, any_value(person) AS person, any_value(session) AS session FROM moved GROUP BY span"
    return f"SELECT {chosen} FROM {parquet(files)} AS indexed LEFT JOIN ({one}) AS moved ON indexed.span = moved.span"  # noqa: S608


def parquet(files: Sequence[Path]) -> str:
    """These files as a relation."""
    return f"read_parquet([{', '.join(quoted(str(path)) for path in files)}], hive_partitioning=false)"


def quoted(text: str) -> str:
    """As a constant in SQL."""
    return "'{}'".format(text.replace("'", "''"))


def _table(directory: Path, file: FileStamp | None, empty: str) -> str:
    return f"FROM {parquet([directory / file.name])}" if file else f"FROM {empty} WHERE FALSE"
