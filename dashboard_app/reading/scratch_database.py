"""A database in a scratch directory: what it has is made of the store, and nobody opens it again."""

from typing import Final

import duckdb

from dashboard_app.reading.scratch import ScratchDirectory

Config = dict[str, str | bool | int | float | list[str]]

_CONFIG: Final[Config] = {
    # Each statement that makes a table would wait for the disk otherwise.
    "fsync_mode": "NONE",
    # A table that does not exist is no variable of Python either.
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "preserve_insertion_order": False,
}


def connect(scratch: ScratchDirectory, name: str, memory: str, **more: str | int) -> duckdb.DuckDBPyConnection:
    """Open the database `name`, which is made where it is missing; `memory` and `more` are DuckDB's settings.

    What does not fit into `memory` goes into the directory as well. Raises duckdb.Error.
    """
    spill = str(scratch.path / "spill")
    config: Config = {**_CONFIG, "memory_limit": memory, "temp_directory": spill, **more}
    return duckdb.connect(str(scratch.path / name), config=config)
