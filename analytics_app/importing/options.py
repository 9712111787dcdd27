"""What an import is asked for, and what comes of it."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from analytics_app.importing.ledger import Entry
from analytics_app.importing.records import Format
from analytics_app.importing.runner import Tally


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What to import and how. `ledger` is the folder of the ledger, None for a dry run."""

    file: str
    source: str
    format: Format
    delimiter: str
    columns: dict[str, str]
    received_on: datetime
    ledger: Path | None = None
    bad_file: Path | None = None
    limit: int | None = None
    again: bool = False
    show_bad: int = 20

    @property
    def how(self) -> str:
        """What decides which event a row becomes."""
        delimiter = f" --delimiter {self.delimiter!r}" if self.format == "csv" else ""
        pairs = ",".join(f"{field}={column}" for field, column in sorted(self.columns.items()))
        return f"--format {self.format}{delimiter}" + (f" --map {pairs}" if pairs else "")


@dataclass(slots=True)
class ImportResult:
    """What came of an import: `before` is what an earlier run had done of the file already."""

    tally: Tally
    before: Entry | None = None
    complete: bool = False
    stopped: bool = False
    changed: bool = False
    missing: set[str] = field(default_factory=set)
