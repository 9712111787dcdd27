"""How long each page's queries take over a large store with its index, beside DuckDB and pandas on the CSV itself.

Cold: a process that has just begun looks for the first time. Warm: it is asked again, and nothing is taken from the
answers that it keeps. Wall time says what a reader waits, CPU time what it costs, whatever else the machine does.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

import django
import duckdb
import pandas as pd
from django.utils.datastructures import MultiValueDict
from rich.console import Console
from rich.table import Table

from benchmarks.dashboard_store import TOPIC, make_store
from benchmarks.servers import peak_memory
from brokerlytics.index_files import index_dir
from brokerlytics.store import closed_segments
from dashboard_app.index.builder import IndexBuilder
from dashboard_app.index.following import bring_up_to_date
from dashboard_app.question.filters import parse_filters
from dashboard_app.reader import measure_answer
from dashboard_app.reading.committed import CommittedStore
from dashboard_app.reading.csv_relation import RELATION
from dashboard_app.reading.rows import Rows
from dashboard_app.reading.scratch import ScratchDirectory
from dashboard_app.registry import REPORTS
from dashboard_app.report import AnyReport, Context

END: Final = datetime(2026, 11, 25, tzinfo=UTC)
EVENTS_OF_A_DEVICE: Final = 50
RANGES: Final = ("7d", "90d")
_WARM: Final = 3
# The pages, and their query strings beside the range. Pipeline is none of them: it asks the broker and the database.
ASKED: Final[dict[str, tuple[str, dict[str, list[str]]]]] = {
    "overview": ("overview", {}),
    "explore": ("explore", {}),
    "explore, users by country": ("explore", {"event1": ["page_view"], "measure1": ["users"], "by": ["country"]}),
    "funnel": ("funnel", {"step": ["page_view", "add_to_cart", "purchase"]}),
    "retention": ("retention", {}),
    "users": ("users", {}),
    "sessions": ("sessions", {}),
    "revenue": ("revenue", {}),
    "live": ("live", {}),
}
_BY_DAY: Final = """
SELECT date_trunc('day', created_on) AS day, count(*), count(DISTINCT device_id) FROM {relation} GROUP BY day"""


@dataclass
class Timing:
    """Milliseconds of one page over one range: the first time, again (the median), and the CPU time of the latter."""

    page: str
    range: str
    cold: float
    warm: float
    warm_cpu: float


def measure(directory: Path, events: int, *, alone: bool) -> dict[str, Any]:
    """Ask a store of so many events for every page. Its directory is also for what the readers write.

    `alone`: without the question that is also put to DuckDB and pandas, for it needs memory for all rows.
    """
    root, build = indexed_store(directory, events)
    result: dict[str, Any] = {"events": events, "machine": platform.processor(), "build": build}
    size = sum(path.stat().st_size for path in index_dir(root, TOPIC).iterdir())
    result["bytes"] = {"csv": sum(s.path.stat().st_size for s in closed_segments(root, TOPIC)), "index": size}
    timings, peaks = [], []
    for page in ASKED:
        for name in RANGES:
            timing, peak = _in_a_process(_ask, directory, root, page, name)
            timings.append(timing)
            peaks.append(peak)
    result["pages"] = [asdict(timing) for timing in timings]
    result["peak_mb"] = max(peaks)
    if not alone:
        result["day_counts_ms"] = {
            "index": _in_a_process(_by_day_indexed, directory, root),
            "DuckDB on the CSV": _in_a_process(_by_day_csv, root),
            "pandas on the CSV": _in_a_process(_by_day_pandas, root),
        }
    return result


def indexed_store(directory: Path, events: int) -> tuple[Path, dict[str, float] | None]:
    """A store of so many events with its index, and the seconds that the index took; None where it was there.

    It stays below `directory`, and is used again if it is there.
    """
    root = directory / f"store-{events}"
    if not root.exists():
        make_store(root, events, events // EVENTS_OF_A_DEVICE, END)
    scratch = ScratchDirectory(directory / "tmp")
    builder = IndexBuilder(root, TOPIC, scratch, lambda *_: None)
    began, cpu = time.monotonic(), time.process_time()
    built = bring_up_to_date(builder, lambda: False)
    seconds = {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu}
    builder.sweep()
    scratch.close()
    return root, seconds if built else None


def publish(result: dict[str, Any], path: Path) -> None:
    """Print the tables and write the same as JSON."""
    console = Console()
    table = Table("page", "range", "cold ms", "warm ms", "warm CPU ms", title=f"{result['events']:,} events")
    for page in result["pages"]:
        numbers = (f"{page[name]:,.0f}" for name in ("cold", "warm", "warm_cpu"))
        table.add_row(page["page"], page["range"], *numbers)
    console.print(table)
    if days := result.get("day_counts_ms"):
        table = Table("events and devices by day", "ms", "of the index", title="The same question")
        for name, milliseconds in days.items():
            table.add_row(name, f"{milliseconds:,.0f}", f"{milliseconds / days['index']:.1f}")
        console.print(table)
    console.print(f"Peak memory of a reader: {result['peak_mb']:,.0f} MB. Bytes: {result['bytes']}.")
    if build := result.get("build"):
        cost = build["cpu_seconds"] / result["events"] * 1e6
        console.print(f"Index built in {build['seconds']:.0f} s, {cost:.1f} µs of CPU time an event.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2))


def _in_a_process(function: Callable[..., Any], *arguments: object) -> Any:
    """In a new one, so that nothing is warm and its memory is its own."""
    with get_context("spawn").Pool(1, _set_up) as pool:
        return pool.apply(function, arguments)


def _set_up() -> None:
    django.setup()


def _ask(directory: Path, root: Path, page: str, range_name: str) -> tuple[Timing, float]:
    name, asked = ASKED[page]
    report = next(report for report in REPORTS if report.name == name)
    query = MultiValueDict({"range": [range_name], **asked})
    context = Context(now=END - timedelta(minutes=1), tz=ZoneInfo("Europe/Berlin"), query=query)
    filters = parse_filters(query, now=context.now, tz=context.tz)
    options = report.parse(query, context)
    with _store(directory, root) as store:
        times = [_timed(lambda: _measure(store, report, filters, options)) for _ in range(1 + _WARM)]
    peak = peak_memory(os.getpid())
    warm = times[1:]
    return Timing(page, range_name, times[0][0], median(wall for wall, _ in warm), median(cpu for _, cpu in warm)), peak


def _measure(store: CommittedStore, report: AnyReport, filters: Any, options: Any) -> None:
    with store.look() as look, store.rows(look) as connection:
        measure_answer(Rows(connection, store.rolled(connection)), report, filters, options)


def _by_day_indexed(directory: Path, root: Path) -> float:
    def ask(store: CommittedStore) -> None:
        with store.look() as look, store.rows(look) as connection:
            connection.execute(_BY_DAY.format(relation="events")).fetchall()

    with _store(directory, root) as store:
        ask(store)
        return _timed(lambda: ask(store))[0]


def _by_day_csv(root: Path) -> float:
    files = {"files": [str(segment.path) for segment in closed_segments(root, TOPIC)]}
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        return _timed(lambda: connection.execute(_BY_DAY.format(relation=RELATION), files).fetchall())[0]


def _by_day_pandas(root: Path) -> float:
    def ask() -> None:
        files = [segment.path for segment in closed_segments(root, TOPIC)]
        frames = [pd.read_csv(file, usecols=["created_on", "device_id"], parse_dates=["created_on"]) for file in files]
        frame = pd.concat(frames)
        frame.groupby(frame["created_on"].dt.floor("D"))["device_id"].agg(["size", "nunique"])

    return _timed(ask)[0]


@contextmanager
def _store(directory: Path, root: Path) -> Iterator[CommittedStore]:
    scratch = ScratchDirectory(directory / "tmp")
    try:
        yield CommittedStore(root, TOPIC, scratch)
    finally:
        scratch.close()


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of wall and of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000
