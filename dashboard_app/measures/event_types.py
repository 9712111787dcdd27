"""Which event types there are to choose from."""

from typing import Final

import numpy as np

from dashboard_app.metrics import EVENTS
from dashboard_app.question.conditions import Where
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows

MOST_TYPES: Final = 200
_TYPES: Final = f"SELECT event_type, {EVENTS} FROM {{relation}} WHERE {{where}} GROUP BY event_type"  # noqa: S608


def event_types(rows: Rows, filters: Filters) -> tuple[str, ...]:
    """The types of the range, the commonest first, then by name. Raises duckdb.Error and OSError."""
    division, where, relation = rows.divide(filters, filters.range), filters.where, "events"
    counts: dict[str, int] = {}
    if division:
        where, relation = Where("TRUE", {}), division.loose
        events = division.covered.events_of_values("event_type")
        names = division.rolled.values(np.flatnonzero(events))
        counts = {name: int(events[number]) for number, name in names.items()}
    sql = _TYPES.format(relation=relation, where=where.sql)
    for name, count in rows.connection.execute(sql, where.parameters).fetchall():
        counts[name] = counts.get(name, 0) + count
    return tuple(sorted(counts, key=lambda name: (-counts[name], name))[:MOST_TYPES])
