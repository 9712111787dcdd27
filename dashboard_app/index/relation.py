"""The relation `events`: the rows of the index and those that are not in it, each with its person and its session."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import duckdb

from brokerlytics.csv_format import COLUMNS
from brokerlytics.index_files import Manifest
from dashboard_app.index import names, people, sessions
from dashboard_app.index.base import RECENT_SPAN_COLUMNS, create_base, forget_recent, with_recent
from dashboard_app.index.facts import FACTS, SPAN_FACTS

_EVENT_COLUMNS: Final = ", ".join((*COLUMNS, "person", "session"))
ROW_COLUMNS: Final = f"{_EVENT_COLUMNS}, span"
_KNOWN: Final = """
CREATE OR REPLACE TABLE known AS
SELECT greatest($last_span, (SELECT max(span) FROM recent_span)) AS last_span,
       greatest($last_who, (SELECT max(who) FROM recent_name)) AS last_who"""
# What was found of `delta` is known from now on.
_LEARN: Final = (
    "DELETE FROM moved WHERE span IN (SELECT span FROM delta_moved)",
    """INSERT INTO moved SELECT day, span, person, session FROM delta_moved
       WHERE span NOT IN (SELECT span FROM recent_span)""",
    """UPDATE recent_span SET person = delta_moved.person, session = delta_moved.session FROM delta_moved
       WHERE recent_span.span = delta_moved.span""",
    """UPDATE recent SET person = delta_moved.person, session = delta_moved.session FROM delta_moved
       WHERE recent.span = delta_moved.span""",
    f"""INSERT INTO recent
        SELECT {", ".join(f"delta.{name}" for name in COLUMNS)}, person, session, span, delta.day
        FROM delta JOIN delta_key USING (_partition, _offset)
        JOIN (SELECT span, person, session FROM resolved WHERE is_new) USING (span)""",  # noqa: S608
    "DELETE FROM recent_person WHERE who IN (SELECT who FROM identity)",
    "INSERT INTO recent_person SELECT who, now FROM identity",
    "INSERT INTO recent_link FROM delta_link",
    "INSERT INTO recent_alias FROM delta_alias",
    "INSERT INTO recent_name SELECT who, is_user, id FROM delta_name WHERE is_new",
)
# Day by day: what is kept of each span while its rows are read cannot be moved to disk.
_LEARN_SPANS: Final = f"""
INSERT INTO recent_span
SELECT {RECENT_SPAN_COLUMNS} FROM (SELECT * FROM resolved WHERE is_new AND day = $day) JOIN ({FACTS}) USING (span)"""  # noqa: S608


def resolve(
    connection: duckdb.DuckDBPyConnection, directory: Path, manifest: Manifest, believed: Collection[str], delta: str
) -> None:
    """Find person and session of the rows of `delta`, and what they change for those of the index.

    Leaves the tables `recent`, the rows with `day`, `person`, `session` and `span`; `recent_span`, `recent_link`,
    `recent_alias` and `recent_name`, what the index is to know of them; `recent_person`, the person of each `who` of
    which they may have changed it; `moved`, the spans of the index that have another person or session now; and
    `gone`, the days of the index that do not count. `delta` is a query that gives the CSV's columns and `day`;
    `believed` are the days of the index that count; of the others, their rows are in `delta`. Raises duckdb.Error.
    """
    forget_recent(connection)
    gone = sorted({day.date for day in manifest.days} - set(believed))
    create_base(connection, directory, manifest, without=())
    _resolve(connection, manifest, gone, delta, more=False)


def resolve_more(connection: duckdb.DuckDBPyConnection, manifest: Manifest, delta: str) -> None:
    """The same for further rows, after `resolve` and `create_events`: what is there stays, and `delta` is added.

    The rows of `delta` have spans of their own, as those of a later generation of the index would. Raises duckdb.Error.
    """
    _resolve(connection, manifest, [], delta, more=True)


def create_events(
    connection: duckdb.DuckDBPyConnection, directory: Path, manifest: Manifest, believed: Collection[str]
) -> None:
    """Make the views after `resolve`.

    `events` has every row once, with the CSV's columns, `person` and `session`; `span_events` has the row's `span`,
    too; `amounts` has those of `events` that have a revenue. `spans` has every span once: `span`, `person`, `session`,
    the time of its first and last row (`first_on`, `last_on`), and the columns of SPAN_FACTS. Raises duckdb.Error.
    """
    # The newest first: who asks for the latest rows need not read the others.
    days = [day for day in reversed(manifest.days) if day.date in believed]
    rows = with_recent(connection, "recent", ROW_COLUMNS, [(day.date, directory / day.file.name) for day in days])
    connection.execute(f"CREATE OR REPLACE VIEW span_events AS {rows}")
    connection.execute(f"CREATE OR REPLACE VIEW events AS SELECT {_EVENT_COLUMNS} FROM span_events")  # noqa: S608
    paid = "(FROM recent WHERE revenue IS NOT NULL)"
    amounts = with_recent(connection, paid, _EVENT_COLUMNS, [(day.date, directory / day.amounts.name) for day in days])
    connection.execute(f"CREATE OR REPLACE VIEW amounts AS {amounts}")
    create_base(connection, directory, manifest, without={day.date for day in manifest.days} - set(believed))
    columns = f"span, person, session, first_on, last_on, {', '.join(SPAN_FACTS)}"
    connection.execute(f"CREATE OR REPLACE VIEW spans AS SELECT {columns} FROM base_span")  # noqa: S608


def _resolve(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, gone: list[str], delta: str, *, more: bool
) -> None:
    connection.execute("CREATE OR REPLACE TABLE gone (day VARCHAR)")
    connection.execute("INSERT INTO gone SELECT unnest($days::VARCHAR[])", {"days": gone})
    connection.execute(f"CREATE OR REPLACE VIEW delta AS {delta}")
    connection.execute(_KNOWN, {"last_span": manifest.last_span, "last_who": manifest.last_who})
    names.number(connection)
    people.identify(connection, gone=bool(gone), more=more)
    sessions.divide(connection, gone=bool(gone))
    for statement in _LEARN:
        connection.execute(statement)
    for (day,) in connection.execute("SELECT DISTINCT day FROM delta_span").fetchall():
        connection.execute(_LEARN_SPANS, {"day": day})
