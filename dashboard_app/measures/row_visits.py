"""Sessions as their rows have them, for those that are not counted from spans."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np

from brokerlytics.event import END_SESSION, START_SESSION
from dashboard_app.measures.asked_sessions import AskedSessions
from dashboard_app.question.conditions import column_sql
from dashboard_app.reading.row_order import ROW_ORDER
from dashboard_app.rollup.layout import Numbers, starts_of_runs

# What is kept of each session while its rows are read cannot be moved to disk, and so they are read in parts.
PART_ROWS: Final = 2_000_000
_VISITS: Final = f"""
WITH chosen AS MATERIALIZED (
    SELECT session, created_on, event_type, page_path, {{column}} AS value, {ROW_ORDER} AS place
    FROM events SEMI JOIN asked_session USING (session)
    WHERE created_on >= make_timestamp($since) AND created_on < make_timestamp($until)
), visit AS (
    SELECT session, epoch_us(min(created_on)) AS first_on, epoch_us(max(created_on)) AS last_on, count(*) AS events,
           count(*) FILTER (event_type NOT IN ('{START_SESSION}', '{END_SESSION}')) AS acts,
           arg_max(page_path, place) AS exit_page, arg_min(value, place)::VARCHAR AS value
    FROM chosen GROUP BY session
), viewed AS (
    SELECT session, page_path, place, lag(page_path) OVER (PARTITION BY session ORDER BY place) AS page_before
    FROM chosen WHERE page_path IS NOT NULL
), path AS (
    SELECT session, arg_min(page_path, place, {{count}}) AS pages FROM viewed
    WHERE page_path IS DISTINCT FROM page_before GROUP BY session
)
SELECT {{columns}} FROM visit LEFT JOIN path USING (session)"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Chosen:
    """Sessions, how many rows each has about, and the microseconds from `since` to before `until`."""

    sessions: Numbers
    events: Numbers
    since: int
    until: int

    def parts(self) -> list[Numbers]:
        """The sessions in parts, none of which has many more than PART_ROWS rows: one at least."""
        parts = (np.cumsum(self.events) - 1) // PART_ROWS
        return np.split(self.sessions, starts_of_runs(parts)[1:])


def visits_of_rows(
    connection: duckdb.DuckDBPyConnection, chosen: Chosen, asked: AskedSessions
) -> Iterator[dict[str, Any]]:
    """The columns that spans would have if each of the sessions were one, with its rows of these times; in parts.

    Raises duckdb.Error.
    """
    pages = {name: f"pages[{number}]" for number, name in enumerate(asked.pages, 1)}
    columns = {**dict.fromkeys(asked.columns, ""), **pages, asked.by: "value"}
    selected = ", ".join(f"{sql or name} AS column_{place}" for place, (name, sql) in enumerate(columns.items()))
    query = _VISITS.format(column=column_sql(asked.by), count=len(asked.pages), columns=selected)
    for sessions in chosen.parts():
        connection.register("asked_session", {"session": sessions})
        found = connection.execute(query, {"since": chosen.since, "until": chosen.until}).fetchnumpy()
        connection.unregister("asked_session")
        yield {name: asked.numbered(name, column) for name, column in zip(columns, found.values(), strict=True)}
