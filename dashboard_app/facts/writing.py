"""Writing what is kept of a day's spans as numbers."""

from pathlib import Path
from typing import Final

import duckdb
import numpy as np

from dashboard_app.facts.layout import COLUMNS, PAGE_COLUMNS, TEXT_COLUMNS, FactsFile, write_facts_file
from dashboard_app.rollup.tables import NUMBERED

_PLACES: Final = {name: NUMBERED.index("page_path" if name in PAGE_COLUMNS else name) for name in TEXT_COLUMNS}
_RECENT: Final = f"""
SELECT epoch_us(first_on) AS first_on, epoch_us(last_on) AS last_on, events, acts,
       {", ".join(f"coalesce(of_{name}.number, 0)::UINTEGER AS {name}" for name in TEXT_COLUMNS)}
FROM recent_span {
    " ".join(
        f"LEFT JOIN value AS of_{name} ON of_{name}.place = {place} AND of_{name}.value = recent_span.{name}"
        for name, place in _PLACES.items()
    )
}
WHERE day = $day ORDER BY span"""  # noqa: S608


def write_facts(connection: duckdb.DuckDBPyConnection, day: str, before: Path | None, target: Path) -> None:
    """Write those of a day's spans: of the file before, and of `recent_span` by the table `value`.

    Raises duckdb.Error and OSError.
    """
    found = connection.execute(_RECENT, {"day": day}).fetchnumpy()
    # A new span has a higher number than any that was there.
    recent = {name: np.asarray(found[name]) for name in COLUMNS}
    write_facts_file(target, [*([FactsFile(before).read(COLUMNS)] if before else []), recent])
