"""The rows of a day by numbers, for its rollup and its sequence: values, devices and users are looked up once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

from dashboard_app.index.base import parquet
from dashboard_app.question.conditions import column_sql
from dashboard_app.rollup.tables import NUMBERED

# A column of all rows, which come in one order in all columns.
Column = Callable[[str], npt.NDArray[Any]]

_JOINS: Final = " ".join(
    f"LEFT JOIN value AS value_{place} ON value_{place}.place = {place} AND value_{place}.value = {column_sql(column)}"
    for place, column in enumerate(NUMBERED)
)
_VALUES: Final = ", ".join(
    f"coalesce(value_{place}.number, 0)::UINTEGER AS number_{column}" for place, column in enumerate(NUMBERED)
)
_NUMBERED: Final = f"""
CREATE OR REPLACE TABLE numbered AS
SELECT epoch_us(created_on) AS moment, _partition, _offset, span, coalesce(who, 0)::INTEGER AS who,
       coalesce(device.number, 0)::UINTEGER AS device, {_VALUES}
FROM {{rows}} JOIN (SELECT span, who FROM {{spans}}) USING (span) LEFT JOIN device USING (device_id) {_JOINS}"""  # noqa: S608


@contextmanager
def numbered_rows(connection: duckdb.DuckDBPyConnection, rows: Path, spans: Path) -> Iterator[Column]:
    """Gives the columns of a day's file of rows, by the tables `value` and `device`; 0 stands for what is not there.

    They are `moment` (microseconds since 1970), `_partition`, `_offset`, `span`, `who` (that of the span), `device`,
    and `number_` with a name of NUMBERED for its values. Raises duckdb.Error.
    """
    connection.execute(_NUMBERED.format(rows=parquet([rows]), spans=parquet([spans])))
    # Every column is fetched by itself, and has to come in the order of the others.
    connection.execute("SET preserve_insertion_order = true")

    def column(name: str) -> npt.NDArray[Any]:
        return np.asarray(connection.execute(f"SELECT {name} FROM numbered").fetchnumpy()[name])  # noqa: S608

    yield column
    connection.execute("SET preserve_insertion_order = false")
