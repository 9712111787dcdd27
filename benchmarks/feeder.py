"""From a full topic into CSV: the feeder beside other programs, and beside the loop that everybody writes first.

Each candidate's clock runs from when its first rows are there to when its last one is: how long a program takes to
start and to join its group is not counted, and what was there at the first look is not either. Of two feeders both have
their partitions then, for the broker waits for the second one before it gives out any.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from confluent_kafka import Consumer
from django.conf import settings

from benchmarks.cluster import PARTITIONS, event, fill, new_topic
from benchmarks.feeder_peers import BENTO, CONNECT, CONNECT_DEFAULTS, KCAT, REDPANDA, Peer, peers, running
from benchmarks.report import Benchmark, Row
from benchmarks.servers import child_environment, peak_memory
from brokerlytics.checkpoint import read_checkpoint
from brokerlytics.csv_format import COLUMNS
from brokerlytics.kafka import client_config
from brokerlytics.store import partitions_in

FEEDER = "runfeeder"
FEEDERS = "two of runfeeder, one group"
NAIVE = "naive loop"
NAIVE_EVENTS = 10_000
WANTED = {KCAT: 0.5, CONNECT: 2.0, CONNECT_DEFAULTS: 2.0, REDPANDA: 2.0, BENTO: 2.0, NAIVE: 100.0}
MEMORY_LIMIT = 300.0
_LOOK_INTERVAL = 0.01
# Without another row for so long, a candidate has failed.
_PATIENCE = 60.0
_EVENT_ID = re.compile(rb"01990f8e-0000-7000-8000-(\d{12})")


@dataclass
class Pace:
    """How many rows were there at which time, first and last."""

    first: tuple[float, int] = (0.0, 0)
    last: tuple[float, int] = (0.0, 0)

    def see(self, rows: int) -> None:
        now = time.perf_counter()
        if rows > self.last[1]:
            self.last = now, rows
            if not self.first[1]:
                self.first = self.last

    @property
    def rate(self) -> float:
        """Rows per second. Raises RuntimeError when they came all at once."""
        seconds, rows = self.last[0] - self.first[0], self.last[1] - self.first[1]
        if not rows:
            raise RuntimeError(f"All {self.last[1]} rows were there at the first look: use more --events.")
        return rows / seconds


def measure(runs: int, directory: Path, events: int, *, alone: bool = False) -> Benchmark:
    """Each candidate reads the same topic from its start, in turn, `runs` times; `alone`: only the feeder."""
    topic = new_topic()
    print(f"Filling a topic with {events:,} events", file=sys.stderr)
    fill(topic, events)
    rows = {name: Row(name) for name in ("consume only", *([] if alone else [*WANTED]))}
    ours = [
        Row(name, targets={} if alone else dict(WANTED), memory_limit=MEMORY_LIMIT * processes)
        for processes, name in enumerate((FEEDER, FEEDERS), 1)
    ]
    for run in range(runs):
        rows["consume only"].rates.append(consume_only(topic, events))
        for processes, row in enumerate(ours, 1):
            feed(topic, directory / "store", events, row, processes)
        if alone:
            continue
        for peer in peers(topic, directory / f"peers-{run}"):
            if peer.why_not:
                rows[peer.name].note = peer.why_not
            else:
                rows[peer.name].rates.append(carry(peer, events))
        shutil.rmtree(directory / f"peers-{run}")
        rows[NAIVE].rates.append(naive_loop(topic, directory / "naive.csv", min(events, NAIVE_EVENTS)))
    return Benchmark(
        f"{events:,} events of {len(event(0))} bytes, {PARTITIONS} partitions, from Kafka into files",
        [*ours, *rows.values()],
    )


def feed(topic: str, store: Path, events: int, row: Row, processes: int) -> None:
    """One run of so many feeders with their defaults."""
    rate, peak = drain(topic, store, events, processes)
    shutil.rmtree(store)
    row.rates.append(rate)
    row.memory.append(peak)


def drain(topic: str, store: Path, events: int, processes: int = 1) -> tuple[float, float]:
    """Rows per second of so many feeders, and their peak memory in MB. A row counts when it is committed, so on disk.

    Raises RuntimeError.
    """
    command = [sys.executable, "manage.py", "runfeeder", "--until-end", "--group", uuid4().hex, "--topic", topic]
    environment = {**child_environment(), "STORE_DIR": str(store)}
    log = store.with_suffix(".log")
    with log.open("wb") as said:
        feeders = [
            subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=said, stderr=said)
            for _ in range(processes)
        ]
    peak = 0.0
    pace = Pace()
    while any(feeder.poll() is None for feeder in feeders):
        pace.see(committed_rows(store, topic))
        peak = max(peak, sum(peak_memory(feeder.pid) for feeder in feeders))
        time.sleep(_LOOK_INTERVAL)
    if any(feeder.returncode for feeder in feeders):
        raise RuntimeError(f"runfeeder failed.\n{log.read_text()[-2000:]}")
    pace.see(committed_rows(store, topic))
    check_complete(sorted(store.glob("data/*/*.csv*")), events)
    return pace.rate, peak


def carry(peer: Peer, events: int) -> float:
    """One run of another program, until it has written all events, or the most that its rate is taken of."""
    wanted = min(events, peer.most or events)
    pace, counter = Pace(), LineCounter(peer.output)
    with running(peer) as process:
        deadline = time.perf_counter() + _PATIENCE
        while pace.last[1] < wanted:
            rows = counter.count()
            if rows > pace.last[1]:
                deadline = time.perf_counter() + _PATIENCE
                pace.see(rows)
            elif process.poll() is not None or time.perf_counter() > deadline:
                log = peer.output.with_suffix(".log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{peer.name} wrote {rows} of {wanted} events.\n{log}")
            time.sleep(_LOOK_INTERVAL)
    check_complete([peer.output], wanted)
    return pace.rate


class LineCounter:
    """Counts the lines of a file that grows; each byte is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._lines = 0

    def count(self) -> int:
        """How many lines are complete by now; 0 while there is no file."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while chunk := file.read(1 << 22):
                    self._offset += len(chunk)
                    self._lines += chunk.count(b"\n")
        return self._lines


def check_complete(files: Iterable[Path], events: int) -> None:
    """Raises RuntimeError unless at least so many different events are in `files`."""
    found: set[int] = set()
    for path in files:
        with path.open("rb") as file:
            for line in file:
                found.update(map(int, _EVENT_ID.findall(line)))
    if len(found) < events:
        raise RuntimeError(f"{len(found)} of {events} events are in {path.parent}.")


def committed_rows(store: Path, topic: str) -> int:
    checkpoints = (read_checkpoint(paths.checkpoint) for paths in partitions_in(store, topic))
    return sum(checkpoint.rows for checkpoint in checkpoints if checkpoint)


def consumer(topic: str) -> Consumer:
    found = Consumer(client_config(group_id=uuid4().hex, auto_offset_reset="earliest", enable_auto_commit=False))
    found.subscribe([topic])
    return found


def consume_only(topic: str, events: int) -> float:
    """What Kafka's client alone can do: nothing is decoded or written."""
    reading, pace, seen = consumer(topic), Pace(), 0
    while seen < events:
        seen += len(reading.consume(1000, 0.2))
        pace.see(seen)
    reading.close()
    return pace.rate


def naive_loop(topic: str, path: Path, events: int) -> float:
    """Poll, open, append, close, commit: at least once, and no fsync."""
    reading, pace, seen = consumer(topic), Pace(), 0
    while seen < events:
        message = reading.poll(1.0)
        if message is None:
            continue
        fields = json.loads(message.value() or "{}")
        with path.open("a", newline="") as file:
            csv.writer(file).writerow([fields.get(name, "") for name in COLUMNS])
        reading.commit(message=message, asynchronous=False)
        seen += 1
        pace.see(seen)
    reading.close()
    check_complete([path], events)
    path.unlink()
    return pace.rate
