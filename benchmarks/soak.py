"""Full load for minutes, and the memory of the web server's processes meanwhile: it has to stay flat."""

import multiprocessing
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import linear_regression

from rich.console import Console
from rich.table import Table

from benchmarks.cluster import new_topic
from benchmarks.ingest import CONNECTIONS
from benchmarks.load import Load, LoadResult, run_load
from benchmarks.report import write_json
from benchmarks.servers import Server, web_server
from benchmarks.traffic import single_events

_INTERVAL = 5.0
# Caches and pools fill in the first part of the time.
_SETTLED = 60.0


@dataclass(frozen=True)
class Soak:
    """`samples` are (seconds since the start, MB of all processes together). `failures`: by status."""

    seconds: float
    rate: float
    p50: float
    p99: float
    failures: dict[str, int]
    samples: list[tuple[float, float]]

    def settled(self) -> list[tuple[float, float]]:
        """The samples after the first minute, or after a quarter of a shorter time."""
        return [sample for sample in self.samples if sample[0] >= min(_SETTLED, self.seconds / 4)]

    def slope(self) -> float:
        """MB per minute: the line through the settled samples."""
        return _slope(self.settled())

    def late_slope(self) -> float:
        """MB per minute in the second half of the time: what does not end with the filling of caches."""
        return _slope([sample for sample in self.samples if sample[0] >= self.seconds / 2])


def _slope(samples: list[tuple[float, float]]) -> float:
    seconds, sizes = zip(*samples, strict=True)
    return linear_regression([second / 60 for second in seconds], sizes).slope


def measure(minutes: float, directory: Path) -> Soak:
    """Single events on all connections, each as fast as it is answered."""
    topic = new_topic()
    with web_server(directory, topic) as web, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        traffic = single_events(web)
        load = Load(web.port, traffic.requests, traffic.expected, CONNECTIONS, minutes * 60, warm_up=0.0)
        running = pool.submit(run_load, load)
        samples = _sample(web, running)
        result = running.result()
    percentiles = (result.milliseconds(50), result.milliseconds(99))
    return Soak(result.seconds, result.rate, *percentiles, dict(result.failures), samples)


def _sample(server: Server, running: "Future[LoadResult]") -> list[tuple[float, float]]:
    """The server's resident memory until the load ends."""
    started = time.monotonic()
    samples = []
    while not running.done():
        size = sum(process.memory_info().rss for process in server.processes()) / 1e6
        samples.append((round(time.monotonic() - started, 1), round(size, 2)))
        time.sleep(_INTERVAL)
    return samples


def publish(soak: Soak, path: Path) -> None:
    """Print the trend and write all samples as JSON."""
    settled = soak.settled()
    (since, first), (_, last) = settled[0], settled[-1]
    figures = {
        "events/s": f"{soak.rate:,.0f}",
        "p50 / p99": f"{soak.p50:.1f} / {soak.p99:.1f} ms",
        "failures": str(soak.failures or "none"),
        f"memory after {since:.0f} s": f"{first:.1f} MB",
        "memory at the end": f"{last:.1f} MB",
        "highest": f"{max(size for _, size in soak.samples):.1f} MB",
        "slope": f"{soak.slope():+.2f} MB per minute",
        "slope in the second half": f"{soak.late_slope():+.2f} MB per minute",
    }
    table = Table(title=f"Full load for {soak.seconds / 60:g} minutes", title_justify="left", show_header=False)
    for name, value in figures.items():
        table.add_row(name, value)
    Console(width=110).print(table)
    write_json({**asdict(soak), "slope": soak.slope(), "late_slope": soak.late_slope()}, path)
