"""From a full topic into CSV: the feeder beside the loop that everybody writes first."""

import csv
import io
import json
import shutil
import time
from pathlib import Path
from uuid import uuid4

from confluent_kafka import Consumer
from rich.console import Console

from benchmarks.cluster import fill, new_topic
from benchmarks.report import Benchmark, Row
from brokerlytics.csv_format import COLUMNS
from brokerlytics.kafka import client_config
from feeder_app.policies import FeederPolicy
from feeder_app.progress import Progress
from feeder_app.service import ServiceOptions, run_feeder

EVENTS = 300_000
NAIVE_EVENTS = 30_000


def measure(runs: int, directory: Path) -> Benchmark:
    """Each candidate reads the same topic from its start, in turn, `runs` times."""
    topic = new_topic()
    fill(topic, EVENTS)
    rates: dict[str, list[float]] = {"runfeeder": [], "naive loop": [], "consume only": []}
    for _ in range(runs):
        rates["consume only"].append(consume_only(topic))
        rates["runfeeder"].append(feed(topic, directory / "store"))
        rates["naive loop"].append(naive_loop(topic, directory / "naive.csv"))
    rows = [Row(name, values, versus="naive loop") for name, values in rates.items()]
    return Benchmark("Events of 430 bytes, 6 partitions, from Kafka into CSV with fsync", rows)


def feed(topic: str, store: Path) -> float:
    options = ServiceOptions(root=store, topic=topic, group=uuid4().hex, until_end=True, policy=FeederPolicy())
    started = time.perf_counter()
    rows = run_feeder(options, lambda: False, Progress(Console(file=io.StringIO()))).rows
    seconds = time.perf_counter() - started
    if rows != EVENTS:
        raise RuntimeError(f"{rows} of {EVENTS} rows were stored")
    shutil.rmtree(store)
    return rows / seconds


def consumer(topic: str) -> Consumer:
    found = Consumer(client_config(group_id=uuid4().hex, auto_offset_reset="earliest", enable_auto_commit=False))
    found.subscribe([topic])
    return found


def consume_only(topic: str) -> float:
    """What Kafka's client alone can do: nothing is decoded or written."""
    reading = consumer(topic)
    started = time.perf_counter()
    seen = 0
    while seen < EVENTS:
        seen += len(reading.consume(1000, 0.2))
    seconds = time.perf_counter() - started
    reading.close()
    return seen / seconds


def naive_loop(topic: str, path: Path) -> float:
    """Poll, open, append, close, commit: at least once, and no fsync."""
    reading = consumer(topic)
    started = time.perf_counter()
    seen = 0
    while seen < NAIVE_EVENTS:
        message = reading.poll(1.0)
        if message is None:
            continue
        fields = json.loads(message.value() or "{}")
        with path.open("a", newline="") as file:
            csv.writer(file).writerow([fields.get(name, "") for name in COLUMNS])
        reading.commit(message=message)
        seen += 1
    seconds = time.perf_counter() - started
    reading.close()
    path.unlink()
    return seen / seconds
