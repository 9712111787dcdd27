"""The ways that sessions take through the pages. docs/metrics.md defines what a step is."""

from dataclasses import dataclass
from typing import Final

import duckdb

from dashboard_app.conditions import Where
from dashboard_app.row_order import ROW_ORDER

TOP_PATHS: Final = 20
_PATHS: Final = f"""
WITH viewed AS (
    SELECT session, page_path, place, lag(page_path) OVER (PARTITION BY session ORDER BY place) AS page_before
    FROM (SELECT session, page_path, {ROW_ORDER} AS place FROM events WHERE {{rows}} AND page_path IS NOT NULL)
), path AS (
    SELECT arg_min(page_path, place, {{pages}}) AS pages FROM viewed
    WHERE page_before IS NULL OR page_before <> page_path GROUP BY session
)
SELECT pages, count(*) AS sessions FROM path GROUP BY pages ORDER BY sessions DESC, pages LIMIT {TOP_PATHS}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class PathCount:
    """How many sessions begin with exactly these pages; fewer than asked for when they saw no more."""

    pages: tuple[str, ...]
    sessions: int


def measure_paths(connection: duckdb.DuckDBPyConnection, rows: Where, pages: int) -> list[PathCount]:
    """The commonest first `pages` pages of the sessions that `rows` are of. Raises duckdb.Error."""
    found = connection.execute(_PATHS.format(rows=rows.sql, pages=pages), rows.parameters).fetchall()
    return [PathCount(tuple(path), sessions) for path, sessions in found]
