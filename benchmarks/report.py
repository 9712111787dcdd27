"""A table of medians and ratios on standard output, and the same as JSON."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.load import LoadResult


@dataclass
class Row:
    """Of each run the events per second, the server's CPU time per event in microseconds, and, of a load, the
    latencies of its requests in milliseconds.

    `versus` is the name of the row that it is compared with, and `target` the least ratio that is wanted;
    `p99_limit` is the p99 that is wanted.
    """

    name: str
    rates: list[float] = field(default_factory=list)
    versus: str = ""
    target: float | None = None
    p99_limit: float | None = None
    cpu: list[float] = field(default_factory=list)
    p50s: list[float] = field(default_factory=list)
    p95s: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return median(self.rates)

    def add(self, result: LoadResult, events: int = 1) -> None:
        """One more run; `events`: how many a request had."""
        self.rates.append(result.rate * events)
        self.cpu.append(result.cpu_seconds / (result.total * events) * 1e6)
        if not result.latencies:
            return
        for percent, latencies in ((50, self.p50s), (95, self.p95s), (99, self.p99s)):
            latencies.append(result.milliseconds(percent))


@dataclass(frozen=True)
class Benchmark:
    """Rows of as many runs each: what a row is compared with was measured right before or after it."""

    title: str
    rows: list[Row]

    def ratio(self, row: Row) -> float | None:
        """The median of the ratios of each run."""
        other = next((other for other in self.rows if other.name == row.versus), None)
        return median(a / b for a, b in zip(row.rates, other.rates, strict=True)) if other else None


def publish(benchmark: Benchmark, path: Path) -> None:
    """Print the table and write the JSON."""
    table = Table(title=benchmark.title, title_justify="left")
    for heading in (
        "",
        "events/s (median)",
        "min",
        "max",
        "CPU µs/event",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "ratio",
        "wanted",
    ):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in benchmark.rows:
        rates = [f"{figure:,.0f}" for figure in (row.rate, min(row.rates), max(row.rates))]
        cpu = f"{median(row.cpu):.1f}" if row.cpu else ""
        latencies = [f"{median(values):.1f}" if values else "" for values in (row.p50s, row.p95s, row.p99s)]
        ratio = benchmark.ratio(row)
        compared = f"{ratio:.2f} of {row.versus}" if ratio else ""
        table.add_row(row.name, *rates, cpu, *latencies, compared, _wanted(row, ratio))
    Console(width=160).print(table)
    write_json({"title": benchmark.title, "rows": [_figures(benchmark, row) for row in benchmark.rows]}, path)


def write_json(figures: dict[str, Any], path: Path) -> None:
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, **figures}, indent=2))


def _wanted(row: Row, ratio: float | None) -> str:
    if row.target is not None and ratio is not None:
        return f"≥ {row.target:.2f}: {'met' if ratio >= row.target else 'missed'}"
    if row.p99_limit is not None:
        return f"p99 < {row.p99_limit:.0f} ms: {'met' if median(row.p99s) < row.p99_limit else 'missed'}"
    return ""


def _figures(benchmark: Benchmark, row: Row) -> dict[str, Any]:
    return {**asdict(row), "rate": row.rate, "ratio": benchmark.ratio(row)}
