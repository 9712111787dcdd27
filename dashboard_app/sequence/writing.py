"""Putting a day's rows into the order of time, for its sequence."""

from pathlib import Path
from typing import Final

import duckdb
import numpy as np

from dashboard_app.index.base import parquet
from dashboard_app.rollup.tables import NUMBERED, SOURCE_PLACE
from dashboard_app.row_order import ROW_ORDER
from dashboard_app.sequence.layout import KIND, write_sequence_file

_TYPE_PLACE: Final = NUMBERED.index("event_type")
_ROWS: Final = f"""
SELECT epoch_us(created_on) AS moment, who, coalesce(type_value.number, 0)::UINTEGER AS event_type,
       coalesce(source_value.number, 0)::UINTEGER AS source
FROM {{rows}} JOIN (SELECT span, who FROM {{spans}} WHERE who IS NOT NULL) USING (span)
LEFT JOIN value AS type_value ON type_value.place = {_TYPE_PLACE} AND type_value.value = event_type
LEFT JOIN value AS source_value ON source_value.place = {SOURCE_PLACE} AND source_value.value = source
ORDER BY {ROW_ORDER}"""  # noqa: S608


def write_sequence(connection: duckdb.DuckDBPyConnection, rows: Path, spans: Path, target: Path) -> None:
    """Write the sequence of a day's file of rows with their spans, by the table `value`.

    Raises duckdb.Error and OSError.
    """
    found = connection.execute(_ROWS.format(rows=parquet([rows]), spans=parquet([spans]))).fetchnumpy()
    kinds = np.empty(len(found["moment"]), KIND)
    for name in KIND.names or ():
        kinds[name] = found[name]
    write_sequence_file(target, np.asarray(found["moment"]), np.asarray(found["who"]), kinds)
