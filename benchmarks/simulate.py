"""How fast the simulator makes events: for nobody but a pipe, for Kafka, and into the store; beside khaos-cli."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from benchmarks.cluster import PARTITIONS, events_on, new_topic
from benchmarks.feeder import committed_rows
from benchmarks.report import Benchmark, Row
from benchmarks.servers import child_environment, peak_memory

STDOUT, CSV, KAFKA, STORE = "to a pipe", "to a pipe, as CSV", "to Kafka", "through Kafka into the store"
DATAGEN, KHAOS = "kafka-connect-datagen", "khaos-cli"
WANTED = {STDOUT: 100_000.0, KAFKA: 50_000.0}
_DAYS = 90
# How many events come of a person in so many days.
_EVENTS_A_PERSON = 95
_KHAOS_VERSION = "0.7.1"
_KHAOS_SECONDS = 15
_HERE = Path(__file__).parent
_LOOK_INTERVAL = 0.2


def measure(runs: int, directory: Path, events: int) -> Benchmark:
    """A backfill of 90 days of the shop, each time with another seed; khaos-cli for a quarter of a minute."""
    rows = {name: Row(name, least_rate=WANTED.get(name)) for name in (STDOUT, CSV, KAFKA, STORE, KHAOS, DATAGEN)}
    rows[DATAGEN].note = "not on Maven Central"
    khaos = find_khaos()
    if khaos is None:
        rows[KHAOS].note = f"khaos-cli {_KHAOS_VERSION} cannot be installed"
    for run in range(runs):
        for name, sink in ((STDOUT, "stdout"), (CSV, "csv"), (KAFKA, "kafka")):
            simulate(sink, events, run, directory, rows[name])
        store(events, run, directory, rows[STORE])
        if khaos is not None:
            rows[KHAOS].rates.append(run_khaos(khaos, directory))
    return Benchmark(
        f"{events:,} events of {_DAYS} days of the shop, made by as many processes as cores", [*rows.values()]
    )


def simulate(sink: str, events: int, seed: int, directory: Path, row: Row) -> None:
    """One run; its rate is what it says itself, from its first event to its last."""
    summary = directory / "summary.json"
    with _simulator(sink, new_topic(), events, seed, summary) as process:
        lines, peak, looked = 0, 0.0, 0.0
        assert process.stdout is not None
        while data := process.stdout.read(1 << 20):
            lines += data.count(b"\n")
            # To look costs the reader more than to read.
            if time.monotonic() - looked > _LOOK_INTERVAL:
                peak, looked = max(peak, peak_memory(process.pid)), time.monotonic()
    found = json.loads(summary.read_text())
    if found["accepted"] != events or (sink != "kafka" and lines < events):
        raise RuntimeError(f"simulate --sink {sink} sent {found['accepted']} of {events} events.")
    row.rates.append(found["rate"])
    if sink != "kafka":
        row.memory.append(peak)


def store(events: int, seed: int, directory: Path, row: Row) -> None:
    """One run with a feeder beside it, from the start of the simulator until the last row is committed."""
    topic, root = new_topic(), directory / "store"
    command = [sys.executable, "manage.py", "runfeeder", "--group", uuid4().hex, "--topic", topic]
    environment = {**child_environment(), "STORE_DIR": str(root)}
    feeder = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stderr=subprocess.DEVNULL)
    try:
        started = time.perf_counter()
        with _simulator("kafka", topic, events, seed, directory / "summary.json") as process:
            process.communicate()
        while committed_rows(root, topic) < events:
            time.sleep(_LOOK_INTERVAL)
        row.rates.append(events / (time.perf_counter() - started))
    finally:
        feeder.terminate()
        feeder.wait()
        shutil.rmtree(root)


@contextmanager
def _simulator(sink: str, topic: str, events: int, seed: int, summary: Path) -> Iterator[subprocess.Popen[bytes]]:
    users = str(max(100, events // _EVENTS_A_PERSON))
    span = ["--start", "2026-08-27T00:00:00Z", "--end", "2026-11-25T00:00:00Z"]
    people = ["--users", users, "--new-users-per-day", "0", "--churn", "0.01", "--seed", str(seed)]
    arguments = [*span, *people, "--limit", str(events), "--sink", sink, "--source", "bench", "--progress", "none"]
    environment = {**child_environment(), "KAFKA_TOPIC": topic}
    command = [sys.executable, "manage.py", "simulate", "backfill", "shop", *arguments, "--summary", str(summary)]
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    yield process
    if process.wait():
        raise RuntimeError(f"simulate --sink {sink} failed.")


def find_khaos() -> Path | None:
    """The program, in a virtual environment of its own; fetched the first time."""
    home = settings.BASE_DIR / "var" / "benchmarks" / f"khaos-{_KHAOS_VERSION}"
    program: Path = home / "bin" / "khaos"
    if not program.exists():
        print("Fetching khaos-cli", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        wanted = f"khaos-cli=={_KHAOS_VERSION}"
        subprocess.run([home / "bin" / "pip", "install", "--quiet", wanted], check=False)
    return program if program.exists() else None


def run_khaos(khaos: Path, directory: Path) -> float:
    """Events per second on the topic, from the first ones to the end."""
    topic = new_topic()
    scenario = directory / f"{topic}.yaml"
    scenario.write_text((_HERE / "khaos" / "orders.yaml").read_text().replace("TOPIC", topic))
    options = [
        "-b",
        settings.KAFKA_BOOTSTRAP_SERVERS,
        "-d",
        str(_KHAOS_SECONDS),
        "--no-consumers",
        "--skip-topic-creation",
    ]
    with subprocess.Popen(
        [khaos, "simulate", scenario, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        looks = []
        while process.poll() is None:
            looks.append((time.perf_counter(), events_on(topic)))
            time.sleep(_LOOK_INTERVAL)
    begun = [look for look in looks if look[1]]
    if len(begun) < PARTITIONS:
        raise RuntimeError("khaos-cli sent next to nothing.")
    (first, before), (last, after) = begun[0], begun[-1]
    return (after - before) / (last - first)
