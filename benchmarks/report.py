"""A table of medians and ratios on standard output, and the same as JSON."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """Events per second of each run."""

    name: str
    rates: list[float]

    @property
    def rate(self) -> float:
        return median(self.rates)


@dataclass(frozen=True)
class Benchmark:
    """`reference` is the name of the row that the others are divided by."""

    title: str
    rows: list[Row]
    reference: str


def publish(benchmark: Benchmark, path: Path) -> None:
    """Print the table and write the JSON."""
    reference = next(row.rate for row in benchmark.rows if row.name == benchmark.reference)
    table = Table(title=benchmark.title, title_justify="left")
    for heading in ("", "events/s (median)", "min", "max", f"times {benchmark.reference}"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in benchmark.rows:
        figures = (row.rate, min(row.rates), max(row.rates))
        table.add_row(row.name, *(f"{figure:,.0f}" for figure in figures), f"{row.rate / reference:.2f}")
    Console(width=110).print(table)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, **asdict(benchmark)}, indent=2))
