"""Up to three feeders under a load without a pause, what is done to them, and what is stored in the end."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from brokerlytics.topics import ensure_topic
from torture.audit import Audit, audit
from torture.brokers import Cluster
from torture.feeders import FeederProcess, Feeders, clean_environment
from torture.load import Load

# What a feeder may end with by itself, and is started again after: the group fenced it, the disk failed or was full.
_RESTARTED = {1, 5}
SESSION = "3000"
_PATIENCE = 8.0
# The one that drains is started again like all others.
_DRAIN_TRIES = 3


@dataclass
class Window:
    """The events from `start` to `end`, in the order of their acknowledgement, came while `fault` went on."""

    fault: str
    start: int
    end: int


@dataclass
class Campaign:
    """`kills` and `freezes` are those of feeders; `ended` are the last words of feeders that ended by themselves."""

    cluster: Cluster
    feeders: Feeders
    load: Load
    clock: Path
    control: str = ""
    protocol: str = "classic"
    size: int = 3
    kills: int = 0
    freezes: int = 0
    broker_kills: int = 0
    running: list[FeederProcess] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)

    def start(self, **faults: str) -> FeederProcess:
        if self.control:
            faults["CONTROL"] = self.control
        group = f"g-{self.protocol}"
        feeder = self.feeders.start(group, KAFKA_GROUP_PROTOCOL=self.protocol, CLOCK=str(self.clock), **faults)
        self.running.append(feeder)
        return feeder

    def kill(self, feeder: FeederProcess) -> None:
        self.kills += feeder.returncode is None
        feeder.kill()
        if feeder in self.running:
            self.running.remove(feeder)

    def tend(self) -> None:
        """Start again what ended, as supervisor does, and wake what froze late.

        Raises AssertionError for an end that is not to happen.
        """
        for feeder in self.running:
            if feeder.frozen:
                feeder.send(signal.SIGCONT)
        for feeder in [one for one in self.running if one.returncode is not None]:
            self.running.remove(feeder)
            self.ended[f"{feeder.wait()}: {feeder.last_words}"] += 1
            if not self.control:
                assert feeder.returncode in _RESTARTED, f"a feeder ended with {feeder.returncode}:\n{feeder.log}"
                assert "Traceback" not in feeder.log, feeder.log
        while len(self.running) < self.size:
            self.start()

    def pick(self, chance: random.Random) -> FeederProcess:
        """One of those that have partitions, if there is one soon; nearly always: a kill at the start tells little."""
        deadline = time.monotonic() + (_PATIENCE if chance.random() < 0.9 else 0)
        while True:
            self.tend()
            working = [feeder for feeder in self.running if "starts at offset" in feeder.log]
            if working or time.monotonic() > deadline:
                return chance.choice(working or self.running)
            time.sleep(0.05)

    def work(self, seconds: float) -> None:
        """Let them work until more is committed, at most so long."""
        goal, deadline = self.feeders.committed() + 1, time.monotonic() + seconds
        while time.monotonic() < deadline and self.feeders.committed() < goal:
            time.sleep(0.05)

    @contextmanager
    def window(self, fault: str) -> Iterator[None]:
        start = len(self.load.acknowledged.names)
        yield
        self.windows.append(Window(fault, start, len(self.load.acknowledged.names)))

    def finish(self) -> Audit:
        """Stop what runs, drain, and compare. The load has ended."""
        for feeder in self.running:
            feeder.kill()
        self.clock.write_text("0")
        for _ in range(_DRAIN_TRIES):
            last = self.feeders.drain(SLOW_DISK="", **({"CONTROL": self.control} if self.control else {}))
            if last.returncode != 1:
                break
            self.ended[f"{last.returncode}: {last.last_words}"] += 1
        result = audit(self.feeders.store, self.feeders.topic, self.load.acknowledged)
        if last.returncode:
            result.problems.insert(0, f"the last feeder ended with {last.returncode}: {last.last_words}")
        return result


@contextmanager
def new_campaign(cluster: Cluster, home: Path, store: Path, seed: int, control: str = "") -> Iterator[Campaign]:
    """One on a topic of its own, with its logs in `home` and its store in `store`."""
    topic = home.name
    ensure_topic(cluster.topic(topic), timeout=60)
    home.mkdir(parents=True)
    store.mkdir(parents=True)
    clock = home / "clock"
    clock.write_text("0")
    env = clean_environment(home, cluster.servers, topic) | {"STORE_DIR": str(store)}
    env |= {"KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "2000", "KAFKA_SESSION_TIMEOUT_MS": SESSION}
    load = Load(cluster.servers, topic, seed, rate=600)
    with Feeders(env, home, SLOW_DISK="1") as feeders:
        yield Campaign(cluster, feeders, load, clock, control)
