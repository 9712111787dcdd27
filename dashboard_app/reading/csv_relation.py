"""The CSV contract in DuckDB's words."""

from typing import Final

from brokerlytics.csv_format import COLUMNS

# DuckDB's types of the columns that are no VARCHAR.
TYPES: Final = {
    "created_on": "TIMESTAMP",
    "original_created_on": "TIMESTAMP",
    "received_on": "TIMESTAMP",
    "revenue": "DECIMAL(24,6)",
    "_partition": "INTEGER",
    "_offset": "BIGINT",
}
# All columns, so that nothing is guessed from the files. `new_line` stays unset: DuckDB 2.0 then reads
# both line ends, and with '\r\n' it silently returns no rows at all.
RELATION: Final = f"""read_csv(
    $files, auto_detect=false, header=true, delim=',', quote='"', escape='"', strict_mode=true,
    filename=true, hive_partitioning=false,
    columns={{{", ".join(f"'{name}': '{TYPES.get(name, 'VARCHAR')}'" for name in COLUMNS)}}}
)"""
ROWS_OF_FILES: Final = f"SELECT filename, {', '.join(COLUMNS)} FROM {RELATION}"  # noqa: S608
EMPTY_TABLE: Final = ", ".join(f"{name} {TYPES.get(name, 'VARCHAR')}" for name in ("filename", *COLUMNS))
