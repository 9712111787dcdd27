"""The ways that sessions take through the pages. docs/metrics.md defines what a step is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import duckdb

from dashboard_app.conditions import Where
from dashboard_app.row_order import ROW_ORDER

TOP_PATHS: Final = 20
_NO_PATHS: Final = "CREATE OR REPLACE TEMP TABLE path_count (pages VARCHAR[], sessions BIGINT)"
_PATHS: Final = f"""
INSERT INTO path_count
WITH viewed AS (
    SELECT session, page_path, place, lag(page_path) OVER (PARTITION BY session ORDER BY place) AS page_before
    FROM (SELECT session, page_path, {ROW_ORDER} AS place FROM events WHERE {{rows}} AND page_path IS NOT NULL)
), path AS (
    SELECT arg_min(page_path, place, {{pages}}) AS pages FROM viewed
    WHERE page_before IS NULL OR page_before <> page_path GROUP BY session
)
SELECT pages, count(*) FROM path GROUP BY pages"""  # noqa: S608
_TOP: Final = f"""
SELECT pages, sum(sessions)::BIGINT AS total FROM path_count
GROUP BY pages ORDER BY total DESC, pages LIMIT {TOP_PATHS}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class PathCount:
    """How many sessions begin with exactly these pages; fewer than asked for when they saw no more."""

    pages: tuple[str, ...]
    sessions: int


def measure_paths(connection: duckdb.DuckDBPyConnection, parts: Iterable[Where], pages: int) -> list[PathCount]:
    """The commonest first `pages` pages of sessions; each of `parts` has all rows of some. Raises duckdb.Error."""
    connection.execute(_NO_PATHS)
    for rows in parts:
        connection.execute(_PATHS.format(rows=rows.sql, pages=pages), rows.parameters)
    return [PathCount(tuple(path), sessions) for path, sessions in connection.execute(_TOP).fetchall()]
