"""Rolling a day's rows up, column by column, so that no more than three of them are in memory."""

from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

from dashboard_app.conditions import column_sql
from dashboard_app.index.base import parquet
from dashboard_app.rollup.layout import (
    ANY,
    EVERY_ROW,
    GROUP,
    QUARTER,
    ROLLED_UP,
    SLOTS,
    SPANS,
    Groups,
    Members,
    RollupWriter,
    starts_of_runs,
)
from dashboard_app.rollup.tables import SOURCE_PLACE

_MINUTE_MS: Final = 60_000
_JOINS: Final = " ".join(
    f"LEFT JOIN value AS value_{place} ON value_{place}.place = {place} AND value_{place}.value = {column_sql(column)}"
    for place, column in enumerate(ROLLED_UP)
)
_NUMBERED: Final = f"""
CREATE OR REPLACE TABLE numbered AS
SELECT epoch_ms(created_on) AS ms, coalesce(source_value.number, 0)::UINTEGER AS source_number, span,
       coalesce(device.number, 0)::UINTEGER AS device,
       {", ".join(f"coalesce(value_{place}.number, 0)::UINTEGER AS number_{place}" for place in range(len(ROLLED_UP)))}
FROM {{rows}}
LEFT JOIN value AS source_value ON source_value.place = {SOURCE_PLACE} AND source_value.value = source
LEFT JOIN device USING (device_id)
{_JOINS}"""  # noqa: S608


def write_rollup(connection: duckdb.DuckDBPyConnection, rows: Path, target: Path) -> None:
    """Count the rows of a day's file into another, by the tables `value` and `device`.

    Raises duckdb.Error and OSError.
    """
    connection.execute(_NUMBERED.format(rows=parquet([rows])))
    # Every column is fetched by itself, and has to come in the order of the others.
    connection.execute("SET preserve_insertion_order = true")
    (ms, sources) = (_column(connection, name) for name in ("ms", "source_number"))
    quarters = ms // _MINUTE_MS // QUARTER * QUARTER
    order = np.lexsort((quarters, sources))
    quarters, sources = quarters[order], sources[order]
    devices = _column(connection, "device")[order]
    writer = RollupWriter(target)
    for place, column in enumerate(ROLLED_UP):
        numbers = _column(connection, f"number_{place}")[order]
        slots = quarters // SLOTS[column] * SLOTS[column]
        writer.add(*_grouped(numbers, sources, slots, devices))
    every = np.full(len(order), ANY, np.uint32)
    spans, places = np.unique(_column(connection, "span")[order], return_inverse=True)
    writer.add(*_grouped(every, sources, quarters // SLOTS[EVERY_ROW] * SLOTS[EVERY_ROW], devices))
    # A member 0 is none, so places count from 1 until they are written.
    groups, members = _grouped(every, sources, quarters // SLOTS[SPANS] * SLOTS[SPANS], places.astype(np.uint32) + 1)
    writer.add(groups, members - 1)
    first, last = (int(quarters.min()), int(quarters.max())) if len(order) else (0, 0)
    writer.finish(first, last, spans)
    connection.execute("SET preserve_insertion_order = false")


def _column(connection: duckdb.DuckDBPyConnection, name: str) -> npt.NDArray[Any]:
    return np.asarray(connection.execute(f"SELECT {name} FROM numbered").fetchnumpy()[name])  # noqa: S608


def _grouped(
    values: npt.NDArray[np.uint32],
    sources: npt.NDArray[np.uint32],
    slots: npt.NDArray[np.int64],
    members: npt.NDArray[np.uint32],
) -> tuple[Groups, Members]:
    """The groups of the rows that have a value, and the different members of each; rows come by source and slot."""
    chosen = np.flatnonzero(values)
    # Short numbers are sorted by radix, in a tenth of the time.
    keys = values[chosen].astype(np.uint16) if values.max(initial=0) < 2**16 else values[chosen]
    order = chosen[np.argsort(keys, kind="stable")]
    values, sources, slots = values[order], sources[order], slots[order]
    first = starts_of_runs(values, sources, slots)
    groups = np.zeros(len(first), GROUP)
    groups["value"], groups["source"], groups["slot"] = values[first], sources[first], slots[first]
    groups["events"] = np.diff(first, append=len(order))
    number = np.repeat(np.arange(len(first), dtype=np.uint64), groups["events"].astype(np.int64))
    pairs = np.sort(number << 32 | members[order])
    pairs = pairs[starts_of_runs(pairs)]
    pairs = pairs[(pairs & 0xFFFFFFFF) != 0]
    members_of = np.bincount((pairs >> 32).astype(np.int64), minlength=len(first))
    groups["members"], groups["begin"] = members_of, np.cumsum(members_of) - members_of
    return groups, (pairs & 0xFFFFFFFF).astype(np.uint32)
