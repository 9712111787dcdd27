"""What the index costs the feeder, and whether it keeps pace: `buildindex --follow` runs beside, as in the product.

A backlog is drained in turn without it and with it. Then events come at a steady rate for two minutes: once a second it
is looked how many rows of closed segments are in no index yet, and so parsed from their CSV by whoever looks at a page.
"""

import multiprocessing
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

import psutil
from confluent_kafka import Producer
from django.conf import settings
from rich.console import Console
from rich.table import Table

from benchmarks import report
from benchmarks.cluster import event, fill, new_topic
from benchmarks.feeder import committed_rows, drain
from benchmarks.report import Benchmark, Row
from benchmarks.servers import child_environment
from brokerlytics.index_files import index_dir, read_manifest
from brokerlytics.kafka import client_config
from brokerlytics.store import closed_segments

ALONE: Final = "runfeeder alone"
WITH_INDEX: Final = "runfeeder, the index beside it"
WANTED: Final = 0.8
RATES: Final = (20_000, 40_000)
SECONDS: Final = 120
_PATIENCE: Final = 120.0
_TICK: Final = 0.05


@dataclass
class Pace:
    """One steady load. `behind`, once a second: the rows of closed segments that were in no index.

    `indexed` of `closed` rows were in the index at the end; `cpu` are the seconds of the builder's CPU time, and
    `caught_up` the seconds until the index had all after the last event was committed.
    """

    rate: int
    behind: list[int] = field(default_factory=list)
    uncommitted: list[int] = field(default_factory=list)
    indexed: int = 0
    closed: int = 0
    cpu: float = 0.0
    caught_up: float = 0.0


@dataclass(frozen=True)
class IndexCost:
    """`indexed` has for each drain with the index how many rows it had when the last one was committed."""

    drained: Benchmark
    indexed: list[int]
    paces: list[Pace]


def measure(runs: int, directory: Path, events: int) -> IndexCost:
    """A backlog of fewer than some millions is drained before the first segments are indexed. Raises RuntimeError."""
    topic = new_topic()
    print(f"Filling a topic with {events:,} events", file=sys.stderr)
    fill(topic, events)
    alone, beside = Row(ALONE), Row(WITH_INDEX, targets={ALONE: WANTED})
    indexed = []
    for _ in range(runs):
        for row in (alone, beside):
            store = directory / f"index-{uuid4().hex[:8]}"
            if row is beside:
                with _builder(store, topic):
                    row.rates.append(drain(topic, store, events)[0])
                    indexed.append(_indexed_rows(store, topic))
            else:
                row.rates.append(drain(topic, store, events)[0])
            shutil.rmtree(store)
    title = f"A backlog of {events:,} events, from Kafka into files"
    return IndexCost(Benchmark(title, [alone, beside]), indexed, [_steady(rate, directory) for rate in RATES])


def _steady(rate: int, directory: Path) -> Pace:
    topic, store = new_topic(), directory / f"index-{rate}"
    pace = Pace(rate)
    environment = {**child_environment(), "STORE_DIR": str(store)}
    feeder = subprocess.Popen(
        [sys.executable, "manage.py", "runfeeder", "--topic", topic, "--group", topic],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    producing = multiprocessing.get_context("spawn").Process(
        target=produce_at, args=(settings.KAFKA_BOOTSTRAP_SERVERS, topic, rate)
    )
    try:
        with _builder(store, topic) as builder:
            producing.start()
            began = time.monotonic()
            while producing.is_alive():
                time.sleep(1)
                _look(pace, store, topic, began)
            _catch_up(pace, store, topic)
            times = builder.cpu_times()
            pace.cpu = times.user + times.system
    finally:
        producing.terminate()
        feeder.terminate()
        feeder.wait(60)
    shutil.rmtree(store)
    return pace


def _look(pace: Pace, store: Path, topic: str, began: float) -> None:
    pace.closed, pace.indexed = _closed_rows(store, topic), _indexed_rows(store, topic)
    pace.behind.append(max(0, pace.closed - pace.indexed))
    sent = min(time.monotonic() - began, SECONDS) * pace.rate
    pace.uncommitted.append(max(0, round(sent) - committed_rows(store, topic)))


def _catch_up(pace: Pace, store: Path, topic: str) -> None:
    """Wait until all is committed, and then for the index."""
    deadline = time.monotonic() + _PATIENCE
    while committed_rows(store, topic) < pace.rate * SECONDS:
        _wait(deadline)
    began = time.monotonic()
    while _indexed_rows(store, topic) < _closed_rows(store, topic):
        _wait(deadline)
    pace.caught_up = time.monotonic() - began


def _wait(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError("Feeder or index did not come to an end.")
    time.sleep(_TICK)


def produce_at(servers: str, topic: str, rate: int) -> None:
    """Put events on the topic for SECONDS, so many each second."""
    producer = Producer({**client_config(enable_idempotence=True, linger_ms=20), "bootstrap.servers": servers})
    began, number = time.monotonic(), 0
    while number < rate * SECONDS:
        due = min(int((time.monotonic() - began) * rate), rate * SECONDS)
        while number < due:
            producer.produce(topic, event(number), key=f"device-{number % 5000}")
            number += 1
        producer.poll(_TICK)
    producer.flush()


@contextmanager
def _builder(store: Path, topic: str) -> Iterator[psutil.Process]:
    command = [sys.executable, "manage.py", "buildindex", "--follow"]
    environment = {**child_environment(), "STORE_DIR": str(store), "KAFKA_TOPIC": topic}
    log = store.with_suffix(".index.log")
    with log.open("wb") as said:
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=said, stderr=said)
    try:
        yield psutil.Process(process.pid)
        if process.poll() is not None:
            raise RuntimeError(f"buildindex failed.\n{log.read_text()[-2000:]}")
    finally:
        process.terminate()
        process.wait(60)


def _closed_rows(store: Path, topic: str) -> int:
    """Every event is a row: no offset of these topics is left out."""
    return sum(segment.last_offset - segment.first_offset + 1 for segment in closed_segments(store, topic))


def _indexed_rows(store: Path, topic: str) -> int:
    return sum(day.rows for day in read_manifest(index_dir(store, topic)).days)


def publish(cost: IndexCost, path: Path) -> None:
    """Print the tables and write the same as JSON."""
    report.publish(cost.drained, path)
    Console().print(f"Rows in the index when all were committed: {', '.join(f'{n:,}' for n in cost.indexed)}.")
    table = Table(
        "events/s", "not committed, most", "not in the index", "most", "indexed", "CPU s", "caught up after s"
    )
    table.title = f"{SECONDS} seconds at a steady rate"
    for pace in cost.paces:
        table.add_row(
            f"{pace.rate:,}",
            f"{max(pace.uncommitted):,}",
            f"{median(pace.behind):,.0f}",
            f"{max(pace.behind):,}",
            f"{pace.indexed:,} of {pace.closed:,}",
            f"{pace.cpu:.1f}",
            f"{pace.caught_up:.1f}",
        )
    Console(width=110).print(table)
    report.write_json({**asdict(cost), "title": cost.drained.title}, path)
