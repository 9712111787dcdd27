"""From HTTP to a committed row, while 5,000 events a second come in.

A row counts from `received_on`, which the server sets before Kafka acknowledges and the client is answered, to the
first look at the store that finds it committed: what is told is never less than what a client would measure.
"""

import csv
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from benchmarks.cluster import PARTITIONS, new_topic
from benchmarks.load import Load, LoadResult, run_load
from benchmarks.report import Benchmark, Row
from benchmarks.servers import Server, child_environment, web_server
from benchmarks.traffic import batches
from brokerlytics.checkpoint import read_checkpoint
from brokerlytics.csv_format import COLUMNS
from brokerlytics.store import PartitionPaths, partitions_in
from brokerlytics.timestamps import parse_timestamp

RATE = 5_000
SECONDS = 20.0
LIMIT = 1_000.0
_LOOK_INTERVAL = 0.01
_PATIENCE = 30.0
_RECEIVED_ON = COLUMNS.index("received_on")


def measure(runs: int, directory: Path) -> Benchmark:
    """Web server, broker, feeder and load generator share the machine; the feeder has its defaults."""
    row = Row("runfeeder", p99_limit=LIMIT)
    for run in range(runs):
        topic, store = new_topic(), directory / f"latency-{run}"
        with web_server(directory, topic) as web, _feeder(topic, store):
            _measure_once(web, store, topic, row)
    return Benchmark(f"From HTTP to a committed row, batches of 100, {RATE:,} events/s", [row])


def _measure_once(web: Server, store: Path, topic: str, row: Row) -> None:
    traffic = batches(web)
    load = Load(web.port, traffic.requests, traffic.expected, 8, SECONDS, rate=RATE / traffic.events)
    watch = CommitWatch(store, topic)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        running = pool.submit(run_load, load)
        _follow(watch, running)
        result = running.result()
    sent = result.total * traffic.events
    if result.failures:
        raise RuntimeError(f"Requests failed: {dict(result.failures)}")
    deadline = time.monotonic() + _PATIENCE
    while len(watch.latencies) < sent and time.monotonic() < deadline:
        watch.look()
        time.sleep(_LOOK_INTERVAL)
    if len(watch.latencies) != sent:
        raise RuntimeError(f"{sent} events were accepted and {len(watch.latencies)} are committed.")
    # The first ones come before everything is warm.
    counted = sorted(watch.latencies[int(load.warm_up * RATE) :])
    row.rates.append(result.rate * traffic.events)
    for percent, latencies in ((50, row.p50s), (95, row.p95s), (99, row.p99s)):
        latencies.append(counted[int(len(counted) * percent / 100)] * 1000)


def _follow(watch: "CommitWatch", running: "Future[LoadResult]") -> None:
    while not running.done():
        watch.look()
        time.sleep(_LOOK_INTERVAL)


@contextmanager
def _feeder(topic: str, store: Path) -> Iterator[None]:
    """Returns when it has all partitions, for a hand-over is not what is measured."""
    command = [sys.executable, "manage.py", "runfeeder", "--topic", topic, "--group", topic]
    environment = {**child_environment(), "STORE_DIR": str(store)}
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _PATIENCE
        while len([paths for paths in partitions_in(store, topic) if paths.checkpoint.exists()]) < PARTITIONS:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("The feeder did not start.")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(60)


class CommitWatch:
    """Sees each row of a store as soon as it is committed. `latencies`: in seconds, in the order of commits."""

    def __init__(self, store: Path, topic: str) -> None:
        self.latencies: list[float] = []
        self._store = store
        self._topic = topic
        # Of each partition the active segment and how many of its bytes were seen.
        self._seen: dict[int, tuple[str, int]] = {}

    def look(self) -> None:
        for paths in partitions_in(self._store, self._topic):
            self._look_at(paths)

    def _look_at(self, paths: PartitionPaths) -> None:
        checkpoint = read_checkpoint(paths.checkpoint)
        now = datetime.now(UTC)
        active = checkpoint.active if checkpoint else None
        name, seen = self._seen.get(paths.partition, ("", 0))
        if active is None or (active.name, active.committed_bytes) == (name, seen):
            return
        seen = seen if active.name == name else 0
        with (paths.state / active.name).open("rb") as file:
            file.seek(seen)
            rows = list(csv.reader(file.read(active.committed_bytes - seen).decode().splitlines()))
        for row in rows if seen else rows[1:]:
            self.latencies.append((now - parse_timestamp(row[_RECEIVED_ON])).total_seconds())
        self._seen[paths.partition] = active.name, active.committed_bytes
