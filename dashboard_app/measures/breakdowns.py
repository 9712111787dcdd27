"""The commonest values of a column."""

from dataclasses import dataclass
from typing import Final

import duckdb

from dashboard_app.conditions import column_sql
from dashboard_app.filters import Filters
from dashboard_app.metrics import EVENTS, UNIQUE_DEVICES

TOP_VALUES: Final = 10
_TOP: Final = f"""
SELECT {{column}} AS value, {EVENTS} AS events, {UNIQUE_DEVICES} FROM events WHERE {{where}} AND value IS NOT NULL
GROUP BY value ORDER BY events DESC, value LIMIT {TOP_VALUES}"""  # noqa: S608
_BEFORE: Final = f"""
SELECT {{column}} AS value, {EVENTS} FROM events WHERE {{where}} AND list_contains($values, value) GROUP BY value"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class ValueCount:
    """One value; `previous` is its number of events in the period before, None where nothing is compared."""

    value: str
    events: int
    devices: int
    previous: int | None


def measure_breakdown(connection: duckdb.DuckDBPyConnection, filters: Filters, column: str) -> list[ValueCount]:
    """The commonest values of a text column by events, then by name; rows without one do not count."""
    sql = column_sql(column)
    rows = connection.execute(_TOP.format(column=sql, where=filters.where.sql), filters.where.parameters).fetchall()
    if not filters.previous:
        return [ValueCount(value, events, devices, None) for value, events, devices in rows]
    where = filters.where_in(filters.previous)
    parameters = {**where.parameters, "values": [row[0] for row in rows]}
    before = dict(connection.execute(_BEFORE.format(column=sql, where=where.sql), parameters).fetchall())
    return [ValueCount(value, events, devices, before.get(value, 0)) for value, events, devices in rows]
