"""Which event types there are to choose from."""

from typing import Final

import duckdb

from dashboard_app.filters import Filters

_MOST: Final = 200
_TYPES: Final = f"""
SELECT event_type FROM events WHERE {{where}} GROUP BY event_type
ORDER BY count(*) DESC, event_type LIMIT {_MOST}"""  # noqa: S608


def event_types(connection: duckdb.DuckDBPyConnection, filters: Filters) -> tuple[str, ...]:
    """The types of the range, the commonest first. Raises duckdb.Error."""
    where = filters.where
    return tuple(name for (name,) in connection.execute(_TYPES.format(where=where.sql), where.parameters).fetchall())
