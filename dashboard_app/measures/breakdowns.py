"""The commonest values of several columns at once.

One query counts the events of all values. A second notes for each device, a bit for each value, which of the commonest
it had: looking up a device is most of the time, and it is looked up once instead of once for each column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from dashboard_app.metrics import EVENTS
from dashboard_app.question.conditions import Where, column_sql
from dashboard_app.question.filters import Filters

TOP_VALUES: Final = 10
# A column has a bit for each of its commonest values, after one for all others; a word has 63 bits.
_BITS: Final = TOP_VALUES + 1
_COLUMNS_OF_A_WORD: Final = 63 // _BITS
# Of the columns c0, c1, …: `place` is the column's number.
_COUNTED: Final = f"""
SELECT list_position([{{groupings}}], 0) - 1 AS place, coalesce({{names}}) AS value, {EVENTS} AS events
FROM (SELECT {{columns}} FROM events WHERE {{where}})
GROUP BY GROUPING SETS ({{sets}}) HAVING value IS NOT NULL"""  # noqa: S608
_TOP: Final = f"""
SELECT place, value, events FROM ({{counted}})
QUALIFY row_number() OVER (PARTITION BY place ORDER BY events DESC, value) <= {TOP_VALUES}
ORDER BY place, events DESC, value"""  # noqa: S608
_BEFORE: Final = "SELECT place, value, events FROM ({counted}) WHERE list_contains($values, value)"
_DEVICES: Final = """
SELECT {counts} FROM (
    SELECT {words} FROM events WHERE {where} AND device_id IS NOT NULL GROUP BY device_id
)"""


@dataclass(frozen=True, slots=True)
class ValueCount:
    """One value; `previous` is its number of events in the period before, None where nothing is compared."""

    value: str
    events: int
    devices: int
    previous: int | None


def measure_breakdowns(
    connection: duckdb.DuckDBPyConnection, filters: Filters, columns: Sequence[str]
) -> dict[str, list[ValueCount]]:
    """For each text column its commonest values by events, then by name; rows without one do not count.

    Raises duckdb.Error.
    """
    top: list[dict[str, int]] = [{} for _ in columns]
    sql = _TOP.format(counted=_counted(columns, filters.where))
    for place, value, events in connection.execute(sql, filters.where.parameters).fetchall():
        top[place][value] = events
    devices = _devices(connection, filters.where, columns, top)
    before = _before(connection, filters, columns, top)
    return {
        column: [
            ValueCount(
                value, events, devices[place, value], before.get((place, value), 0) if filters.previous else None
            )
            for value, events in top[place].items()
        ]
        for place, column in enumerate(columns)
    }


def _counted(columns: Sequence[str], where: Where) -> str:
    names = [f"c{place}" for place in range(len(columns))]
    return _COUNTED.format(
        groupings=", ".join(f"grouping({name})" for name in names),
        names=", ".join(names),
        columns=", ".join(f"{column_sql(column)} AS {name}" for column, name in zip(columns, names, strict=True)),
        sets=", ".join(f"({name})" for name in names),
        where=where.sql,
    )


def _devices(
    connection: duckdb.DuckDBPyConnection, where: Where, columns: Sequence[str], top: Sequence[Mapping[str, int]]
) -> dict[tuple[int, str], int]:
    """How many devices had each of the values."""
    words: list[list[str]] = [[] for _ in range(-(-len(columns) // _COLUMNS_OF_A_WORD))]
    parameters: dict[str, Any] = dict(where.parameters)
    counts: dict[tuple[int, str], str] = {}
    for place, (column, values) in enumerate(zip(columns, top, strict=True)):
        word, number = divmod(place, _COLUMNS_OF_A_WORD)
        parameters[f"top_{place}"] = list(values)
        rank = f"greatest(list_position($top_{place}::VARCHAR[], {column_sql(column)}), 0)"
        words[word].append(f"(1::BIGINT << ({number * _BITS} + {rank}))")
        for bit, value in enumerate(values, number * _BITS + 1):
            counts[place, value] = f"count(*) FILTER (word_{word} >> {bit} & 1 = 1)"
    if not counts:
        return {}
    noted = ", ".join(f"bit_or({' | '.join(masks)}) AS word_{word}" for word, masks in enumerate(words))
    sql = _DEVICES.format(counts=", ".join(counts.values()), words=noted, where=where.sql)
    return dict(zip(counts, connection.execute(sql, parameters).fetchall()[0], strict=True))


def _before(
    connection: duckdb.DuckDBPyConnection, filters: Filters, columns: Sequence[str], top: Sequence[Mapping[str, int]]
) -> dict[tuple[int, str], int]:
    """How many events had each of the values in the period before; nothing where it is not compared."""
    if not filters.previous:
        return {}
    where = filters.where_in(filters.previous)
    parameters = {**where.parameters, "values": sorted({value for values in top for value in values})}
    rows = connection.execute(_BEFORE.format(counted=_counted(columns, where)), parameters).fetchall()
    return {(place, value): events for place, value, events in rows}
