"""The sessions of a range, one row each, in the temporary table `visit`: from spans, or else from their rows."""

from collections.abc import Iterable
from typing import Final

import duckdb

from brokerlytics.event import END_SESSION, START_SESSION
from dashboard_app.conditions import Where, column_sql
from dashboard_app.filters import DateRange, Filters, naive
from dashboard_app.index.facts import FIRST_VALUES, PATH_PAGES
from dashboard_app.measures.session_parts import session_parts
from dashboard_app.row_order import ROW_ORDER

# `page_2` and `page_3` are of sessions that are counted from their span.
_NO_VISITS: Final = """
CREATE OR REPLACE TEMP TABLE visit (
    started_on TIMESTAMP, length BIGINT, events BIGINT, acts BIGINT, entry VARCHAR, exit VARCHAR, value VARCHAR,
    page_2 VARCHAR, page_3 VARCHAR, is_span BOOLEAN)"""
_FROM_ROWS: Final = f"""
INSERT INTO visit
SELECT min(created_on) AS started_on, date_diff('millisecond', min(created_on), max(created_on)) AS length,
       count(*) AS events, count(*) FILTER (event_type NOT IN ('{START_SESSION}', '{END_SESSION}')) AS acts,
       arg_min(page_path, {ROW_ORDER}) AS entry, arg_max(page_path, {ROW_ORDER}) AS exit,
       arg_min(CAST({{column}} AS VARCHAR), {ROW_ORDER}) AS value, NULL, NULL, FALSE
FROM events WHERE {{rows}} GROUP BY session"""  # noqa: S608
_FROM_SPANS: Final = """
INSERT INTO visit
SELECT first_on, date_diff('millisecond', first_on, last_on), events, acts, page_1, exit_page, {column},
       page_2, page_3, TRUE
FROM spans ANTI JOIN odd_session USING (session) WHERE first_on >= $start AND last_on < $end {chosen}"""
# Of several spans, or of one that reaches over an edge of the range.
_ODD_SESSIONS: Final = """
CREATE OR REPLACE TEMP TABLE odd_session AS
SELECT DISTINCT session FROM spans
WHERE last_on >= $start AND first_on < $end AND (session <> span OR first_on < $start OR last_on >= $end) {chosen}"""
_IS_ODD: Final = "session IN (SELECT session FROM odd_session)"


def load_visits(
    connection: duckdb.DuckDBPyConnection, filters: Filters, date_range: DateRange, column: str, pages: int
) -> list[Where]:
    """Fill `visit` with the sessions that have a row in the range which the filters let through.

    Returns conditions on `events` for the rows of those whose `pages` are not in `visit`, in parts that each hold all
    rows of some sessions. Raises duckdb.Error.
    """
    connection.execute(_NO_VISITS)
    times = {"start": naive(date_range.start), "end": naive(date_range.end)}
    within = Where("created_on >= $start AND created_on < $end", times)
    touching = Where("last_on >= $start AND first_on < $end", times)
    chosen = _chosen(filters, date_range)
    if column not in FIRST_VALUES or pages > PATH_PAGES:
        parts = [within & part & chosen for part in session_parts(connection, touching)]
        _load_rows(connection, parts, column)
        return parts
    names = {"chosen": f"AND {chosen.sql}", "column": column}
    connection.execute(_ODD_SESSIONS.format(**names), times | chosen.parameters)
    connection.execute(_FROM_SPANS.format(**names), times | chosen.parameters)
    odd = Where(_IS_ODD, {})
    parts = [within & part & odd for part in session_parts(connection, touching & odd)]
    _load_rows(connection, parts, column)
    return parts


def _chosen(filters: Filters, date_range: DateRange) -> Where:
    """The sessions, of `events` or `spans`, that have a row in the range which the filters let through."""
    if filters.passes_all:
        return Where("TRUE", {})
    where = filters.where_in(date_range)
    return Where(f"session IN (SELECT session FROM events WHERE {where.sql})", where.parameters)  # noqa: S608


def _load_rows(connection: duckdb.DuckDBPyConnection, parts: Iterable[Where], column: str) -> None:
    for rows in parts:
        connection.execute(_FROM_ROWS.format(column=column_sql(column), rows=rows.sql), rows.parameters)
