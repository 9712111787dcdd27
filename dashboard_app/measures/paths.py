"""The ways that sessions take through the pages. docs/metrics.md defines what a step is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import duckdb

from dashboard_app.conditions import Where
from dashboard_app.index.facts import PATH_PAGES
from dashboard_app.row_order import ROW_ORDER

TOP_PATHS: Final = 20
_NO_PATHS: Final = "CREATE OR REPLACE TEMP TABLE path_count ({columns}, sessions BIGINT)"
_FROM_ROWS: Final = f"""
INSERT INTO path_count
WITH viewed AS (
    SELECT session, page_path, place, lag(page_path) OVER (PARTITION BY session ORDER BY place) AS page_before
    FROM (SELECT session, page_path, {ROW_ORDER} AS place FROM events WHERE {{rows}} AND page_path IS NOT NULL)
), path AS (
    SELECT arg_min(page_path, place, {{pages}}) AS pages FROM viewed
    WHERE page_before IS NULL OR page_before <> page_path GROUP BY session
)
SELECT {{columns}}, count(*) FROM path GROUP BY ALL"""  # noqa: S608
_FROM_SPANS: Final = "UNION ALL SELECT {columns}, 1 FROM visit WHERE page_1 IS NOT NULL"
_TOP: Final = f"""
SELECT {{columns}}, sum(sessions)::BIGINT AS total FROM (SELECT * FROM path_count {{from_spans}})
GROUP BY ALL ORDER BY total DESC, {{order}} LIMIT {TOP_PATHS}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class PathCount:
    """How many sessions begin with exactly these pages; fewer than asked for when they saw no more."""

    pages: tuple[str, ...]
    sessions: int


def measure_paths(connection: duckdb.DuckDBPyConnection, parts: Iterable[Where], pages: int) -> list[PathCount]:
    """The commonest first `pages` pages of the sessions in `visit`.

    Those that it has no pages of are read from their rows; each of `parts` has all rows of some. Raises duckdb.Error.
    """
    names = [f"page_{number}" for number in range(1, pages + 1)]
    connection.execute(_NO_PATHS.format(columns=", ".join(f"{name} VARCHAR" for name in names)))
    of_list = ", ".join(f"pages[{number}]" for number in range(1, pages + 1))
    for rows in parts:
        connection.execute(_FROM_ROWS.format(rows=rows.sql, pages=pages, columns=of_list), rows.parameters)
    top = _TOP.format(
        columns=", ".join(names),
        from_spans=_FROM_SPANS.format(columns=", ".join(names)) if pages <= PATH_PAGES else "",
        order=", ".join(f"{name} NULLS FIRST" for name in names),
    )
    found = connection.execute(top).fetchall()
    return [PathCount(tuple(page for page in path if page is not None), sessions) for *path, sessions in found]
