"""The sessions of a range, one row each, in the temporary table `visit`: from spans, or else from their rows.

Most sessions are one span. One of several is put together from them where each ends before the next begins. The rows
are read where spans overlap, where one reaches over an edge of the range, and for what is not kept with spans.
"""

from datetime import datetime
from typing import Final

import duckdb

from brokerlytics.event import END_SESSION, START_SESSION
from dashboard_app.conditions import Where, column_sql
from dashboard_app.filters import DateRange, Filters, naive
from dashboard_app.index.facts import FIRST_VALUES, PATH_PAGES
from dashboard_app.measures.session_parts import session_parts
from dashboard_app.row_order import ROW_ORDER

_PAGES: Final = ", ".join(f"page_{number}" for number in range(1, PATH_PAGES + 1))
# The pages, of which the first is the entry, are those of sessions that are counted from spans.
_CHOSEN: Final = """
CREATE OR REPLACE TEMP TABLE chosen_session AS SELECT DISTINCT session FROM events WHERE {where}"""
_NO_VISITS: Final = f"""
CREATE OR REPLACE TEMP TABLE visit (
    started_on TIMESTAMP, length BIGINT, events BIGINT, acts BIGINT, entry VARCHAR, exit VARCHAR, value VARCHAR,
    {", ".join(f"page_{number} VARCHAR" for number in range(1, PATH_PAGES + 1))})"""
_FROM_ROWS: Final = f"""
INSERT INTO visit (started_on, length, events, acts, entry, exit, value)
SELECT min(created_on), date_diff('millisecond', min(created_on), max(created_on)), count(*),
       count(*) FILTER (event_type NOT IN ('{START_SESSION}', '{END_SESSION}')),
       arg_min(page_path, {ROW_ORDER}), arg_max(page_path, {ROW_ORDER}),
       arg_min(CAST({{column}} AS VARCHAR), {ROW_ORDER})
FROM events WHERE {{rows}} GROUP BY session"""  # noqa: S608
# Of sessions that are not just one span within the range.
_ODD_SPANS: Final = """
CREATE OR REPLACE TEMP TABLE odd_span AS
SELECT session, first_on, last_on, events, acts, exit_page, {column} AS value, {pages}
FROM spans WHERE last_on >= $start AND first_on < $end AND {chosen} AND session IN (
    SELECT session FROM spans
    WHERE last_on >= $start AND first_on < $end AND (session <> span OR first_on < $start OR last_on >= $end))"""
_FROM_SPANS: Final = """
INSERT INTO visit
SELECT first_on, date_diff('millisecond', first_on, last_on), events, acts, page_1, exit_page, {column}, {pages}
FROM spans ANTI JOIN odd_span USING (session) WHERE first_on >= $start AND last_on < $end AND {chosen}"""
# Those whose spans overlap, or reach over an edge: with the times between which their rows are.
_TANGLED: Final = """
CREATE OR REPLACE TEMP TABLE tangled AS
SELECT session, min(first_on) AS since, max(last_on) AS until FROM (
    SELECT session, first_on, last_on, lag(last_on) OVER (PARTITION BY session ORDER BY first_on, last_on) AS before
    FROM odd_span
) GROUP BY session HAVING bool_or(first_on <= before) OR min(first_on) < $start OR max(last_on) >= $end"""
_FROM_ODD_SPANS: Final = f"""
INSERT INTO visit
WITH untangled AS (
    FROM odd_span ANTI JOIN tangled USING (session)
), page AS (
    SELECT session, first_on, unnest([{_PAGES}]) AS page, unnest(range({PATH_PAGES})) AS number FROM untangled
), turned AS (
    SELECT *, lag(page) OVER (PARTITION BY session ORDER BY first_on, number) AS page_before
    FROM page WHERE page IS NOT NULL
), path AS (
    SELECT session, arg_min(page, (first_on, number), {PATH_PAGES}) AS pages FROM turned
    WHERE page IS DISTINCT FROM page_before GROUP BY session
), whole AS (
    SELECT session, min(first_on) AS first_on, max(last_on) AS last_on, sum(events) AS events, sum(acts) AS acts,
           arg_max(exit_page, first_on) AS exit, arg_min(value, first_on) AS value
    FROM untangled GROUP BY session
)
SELECT first_on, date_diff('millisecond', first_on, last_on), events, acts, pages[1], exit, value,
       {", ".join(f"pages[{number}]" for number in range(1, PATH_PAGES + 1))}
FROM whole LEFT JOIN path USING (session)"""  # noqa: S608
# By the edge of the range that they are at, so that not all rows of the range need be looked at.
_TANGLED_AT: Final = ("since < $start", "since >= $start")


def load_visits(
    connection: duckdb.DuckDBPyConnection, filters: Filters, date_range: DateRange, column: str, pages: int
) -> list[Where]:
    """Fill `visit` with the sessions that have a row in the range which the filters let through.

    Returns conditions on `events` for the rows of those whose `pages` are not in `visit`, in parts that each hold all
    rows of some sessions. Raises duckdb.Error.
    """
    connection.execute(_NO_VISITS)
    times = {"start": naive(date_range.start), "end": naive(date_range.end)}
    chosen = _choose(connection, filters, date_range)
    if column in FIRST_VALUES and pages <= PATH_PAGES:
        parts = _load_spans(connection, times, chosen, column)
    else:
        touching = Where(f"last_on >= $start AND first_on < $end AND {chosen}", times)
        parts = [part & Where(chosen, {}) for part in session_parts(connection, touching)]
    parts = [Where("created_on >= $start AND created_on < $end", times) & part for part in parts]
    for rows in parts:
        connection.execute(_FROM_ROWS.format(column=column_sql(column), rows=rows.sql), rows.parameters)
    return parts


def _choose(connection: duckdb.DuckDBPyConnection, filters: Filters, date_range: DateRange) -> str:
    """A condition on `session`: it has a row in the range which the filters let through."""
    if filters.passes_all:
        return "TRUE"
    where = filters.where_in(date_range)
    connection.execute(_CHOSEN.format(where=where.sql), where.parameters)
    return "session IN (SELECT session FROM chosen_session)"


def _load_spans(
    connection: duckdb.DuckDBPyConnection, times: dict[str, datetime], chosen: str, column: str
) -> list[Where]:
    """Fill `visit` as far as spans will do; returns conditions for the rows of the other sessions."""
    names = {"chosen": chosen, "column": column, "pages": _PAGES}
    connection.execute(_ODD_SPANS.format(**names), times)
    connection.execute(_FROM_SPANS.format(**names), times)
    connection.execute(_TANGLED, times)
    connection.execute(_FROM_ODD_SPANS)
    parts = []
    start = {"start": times["start"]}
    for edge in _TANGLED_AT:
        sql = f"SELECT min(since), max(until) FROM tangled WHERE {edge}"  # noqa: S608
        since, until = connection.execute(sql, start).fetchall()[0]
        if since is not None:
            sessions = Where(f"session IN (SELECT session FROM tangled WHERE {edge})", start)  # noqa: S608
            between = Where("created_on >= $since AND created_on <= $until", {"since": since, "until": until})
            parts += [between & sessions & part for part in session_parts(connection, sessions)]
    return parts
