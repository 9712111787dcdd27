"""The tables that the rollups of all days share: the numbers of values and devices, and the sums of revenue.

A value is looked up once, when a row is taken into the index, and is a number from then on, from 1. `value` has the
columns `place` (which column's value it is), `value` and `number`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import duckdb
import numpy as np

from brokerlytics.index_files import FileStamp, Manifest
from dashboard_app.index.base import parquet
from dashboard_app.question.conditions import column_sql
from dashboard_app.rollup.layout import PARTS, QUARTER, ROLLED_UP, RollupFile

NUMBERED: Final = (*ROLLED_UP, "source")
_EMPTY: Final = {
    "value": "(SELECT 0::UTINYINT AS place, ''::VARCHAR AS value, 0::UINTEGER AS number WHERE FALSE)",
    "revenues": "(SELECT ''::VARCHAR AS day, NULL::TIMESTAMP AS slot, ''::VARCHAR AS source, ''::VARCHAR AS currency, "
    "0::DECIMAL(38,6) AS revenue WHERE FALSE)",
}
_ASKED: Final = " UNION ".join(
    f"SELECT {place}::UTINYINT AS place, {column_sql(column)} AS value FROM recent"  # noqa: S608
    for place, column in enumerate(NUMBERED)
)
# What is new takes the lowest numbers that nothing has.
_VALUE: Final = f"""
CREATE OR REPLACE TABLE value AS
WITH kept AS MATERIALIZED (
    SELECT place, value, number FROM {{base}} {{alive}}
), fresh AS MATERIALIZED (
    SELECT place, value, row_number() OVER () AS nth
    FROM ({_ASKED}) ANTI JOIN kept USING (place, value) WHERE value IS NOT NULL
), free AS (
    SELECT number, row_number() OVER (ORDER BY number) AS nth
    FROM (SELECT unnest(range(1, 1 + (SELECT count(*) FROM kept) + (SELECT count(*) FROM fresh)))::UINTEGER AS number)
    ANTI JOIN kept USING (number)
)
FROM kept UNION ALL SELECT place, value, number FROM fresh JOIN free USING (nth)"""  # noqa: S608
_DEVICE: Final = """
CREATE OR REPLACE TABLE device AS SELECT id AS device_id, who AS number FROM base_name WHERE NOT is_user"""
_REVENUES: Final = f"""
CREATE OR REPLACE TABLE revenues AS
SELECT day, slot, source, currency, revenue FROM {{base}} WHERE day NOT IN (FROM gone)
UNION ALL
SELECT day, time_bucket(INTERVAL {QUARTER} MINUTE, created_on) AS slot, source, currency, sum(revenue) AS revenue
FROM recent WHERE revenue IS NOT NULL GROUP BY ALL"""  # noqa: S608


def prepare_rollups(
    connection: duckdb.DuckDBPyConnection, directory: Path, manifest: Manifest, kept: Iterable[RollupFile] | None
) -> None:
    """Make the tables `value`, `device` and `revenues` after `resolve`: of what the index has, and what is new.

    Nothing is kept of values that no file of `kept` has; None keeps all. Raises duckdb.Error and OSError.
    """
    base = _table(directory, manifest.values, "value")
    if kept is None:
        connection.execute(_VALUE.format(base=base, alive=""))
    else:
        alive = [groups[name] for file in kept for groups in map(file.by_day, PARTS) for name in ("value", "source")]
        connection.register("alive", {"number": np.unique(np.concatenate([np.zeros(1, np.uint32), *alive]))})
        connection.execute(_VALUE.format(base=base, alive="SEMI JOIN alive USING (number)"))
        connection.unregister("alive")
    connection.execute(_DEVICE)
    connection.execute(_REVENUES.format(base=_table(directory, manifest.revenues, "revenues")))


def _table(directory: Path, file: FileStamp | None, name: str) -> str:
    return parquet([directory / file.name]) if file else _EMPTY[name]
