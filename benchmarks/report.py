"""A table of medians and ratios on standard output, and the same as JSON."""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.load import LoadResult


@dataclass
class Row:
    """Of each run the events per second, the server's CPU time per event in microseconds, and, of a load, the
    latencies of its requests in milliseconds.

    `targets` are the names of the rows that it is compared with, each with the least ratio that is wanted, if any;
    `p99_limit` is the p99 that is wanted, `memory_limit` the peak memory in MB, `least_rate` the
    least median. `note`: why there are no runs.
    """

    name: str
    rates: list[float] = field(default_factory=list)
    targets: dict[str, float | None] = field(default_factory=dict)
    p99_limit: float | None = None
    memory_limit: float | None = None
    least_rate: float | None = None
    note: str = ""
    cpu: list[float] = field(default_factory=list)
    p50s: list[float] = field(default_factory=list)
    p95s: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

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


# Columns that are shown when a row has something for them.
_MEASURED: Final[dict[str, Callable[[Row], list[float]]]] = {
    "CPU µs/event": lambda row: row.cpu,
    "p50 ms": lambda row: row.p50s,
    "p95 ms": lambda row: row.p95s,
    "p99 ms": lambda row: row.p99s,
    "peak MB": lambda row: row.memory,
}


@dataclass(frozen=True)
class Benchmark:
    """Rows of as many runs each: what a row is compared with was measured right before or after it."""

    title: str
    rows: list[Row]

    def ratios(self, row: Row) -> dict[str, float]:
        """To each row that it is compared with and that has runs: the median of the ratios of each run."""
        rates = {other.name: other.rates for other in self.rows if other.rates}
        return {
            name: median(a / b for a, b in zip(row.rates, rates[name], strict=True))
            for name in row.targets
            if name in rates
        }


def publish(benchmark: Benchmark, path: Path) -> None:
    """Print the table and write the JSON."""
    measured = [(heading, values) for heading, values in _MEASURED.items() if any(map(values, benchmark.rows))]
    table = Table(title=benchmark.title, title_justify="left")
    for heading in ("", "events/s (median)", "min", "max", *(heading for heading, _ in measured), "ratio", "wanted"):
        table.add_column(heading, justify="right" if heading else "left")
    for row in benchmark.rows:
        ratios = benchmark.ratios(row)
        figures = [f"{median(values(row)):.1f}" if values(row) else "" for _, values in measured]
        compared = "\n".join(f"{ratio:.2f} of {name}" for name, ratio in ratios.items())
        table.add_row(row.name, *_rates(row), *figures, compared, "\n".join(_wanted(row, ratios)))
    Console(width=170).print(table)
    write_json({"title": benchmark.title, "rows": [_figures(benchmark, row) for row in benchmark.rows]}, path)


def _rates(row: Row) -> list[str]:
    if not row.rates:
        return [row.note, "", ""]
    return [f"{figure:,.0f}" for figure in (row.rate, min(row.rates), max(row.rates))]


def write_json(figures: dict[str, Any], path: Path) -> None:
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, **figures}, indent=2))


def _wanted(row: Row, ratios: dict[str, float]) -> list[str]:
    lines = [
        f"≥ {target:.2f}: {_met(ratios[name] >= target)}" if name in ratios and target is not None else ""
        for name, target in row.targets.items()
        if name in ratios
    ]
    if row.least_rate is not None and row.rates:
        lines.append(f"≥ {row.least_rate:,.0f} a second: {_met(row.rate >= row.least_rate)}")
    if row.p99_limit is not None:
        lines.append(f"p99 < {row.p99_limit:.0f} ms: {_met(median(row.p99s) < row.p99_limit)}")
    if row.memory_limit is not None:
        lines.append(f"peak < {row.memory_limit:.0f} MB: {_met(max(row.memory) < row.memory_limit)}")
    return lines


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _figures(benchmark: Benchmark, row: Row) -> dict[str, Any]:
    return {**asdict(row), "rate": row.rate if row.rates else None, "ratios": benchmark.ratios(row)}
