"""Writing what is kept of a day's spans as numbers."""

from pathlib import Path
from typing import Final

import duckdb
import numpy as np

from dashboard_app.facts.layout import PAGE_COLUMNS, TEXT_COLUMNS, write_facts_file
from dashboard_app.index.base import parquet
from dashboard_app.rollup.tables import NUMBERED

_PLACES: Final = {name: NUMBERED.index("page_path" if name in PAGE_COLUMNS else name) for name in TEXT_COLUMNS}
_SPANS: Final = f"""
SELECT span, epoch_us(first_on) AS first_on, epoch_us(last_on) AS last_on, events, acts,
       {", ".join(f"coalesce(of_{name}.number, 0)::UINTEGER AS {name}" for name in TEXT_COLUMNS)}
FROM {{spans}} AS indexed
{
    " ".join(
        f"LEFT JOIN value AS of_{name} ON of_{name}.place = {place} AND of_{name}.value = indexed.{name}"
        for name, place in _PLACES.items()
    )
}
ORDER BY span"""  # noqa: S608


def write_facts(connection: duckdb.DuckDBPyConnection, spans: Path, target: Path) -> None:
    """Write those of a day's file of spans, by the table `value`. Raises duckdb.Error and OSError."""
    found = connection.execute(_SPANS.format(spans=parquet([spans]))).fetchnumpy()
    write_facts_file(target, {name: np.asarray(column) for name, column in found.items()})
