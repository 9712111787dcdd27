"""kill -9 at random moments under load, on a real broker: what was acknowledged is stored, once."""

import csv
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message, Producer

from brokerlytics.checkpoint import Checkpoint, CorruptCheckpointError, read_checkpoint
from brokerlytics.store import partitions_in
from tests.feeder.support import stored_rows

ROOT = Path(__file__).parents[2]
SEED = 20260822
KILLS = 30
FEEDER = [sys.executable, "-m", "tests.feeder.crashing_feeder"]
# Small and quick, so that every kill has commits and closes to hit.
OPTIONS = ["--flush-interval", "0.05", "--roll-bytes", "400000", "--roll-age", "3"]

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


class Load:
    """Produces events as fast as is set, and remembers which of them the broker acknowledged.

    As a client does that had no answer, it sends some of them again, a moment or a long time later.
    """

    def __init__(self, servers: str, topic: str) -> None:
        self.acknowledged: list[str] = []
        self.repeated = 0
        self._chance = random.Random(SEED)
        self._producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
        self._topic = topic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.01):
            for _ in range(15):
                self._produce(f"e{number}")
                number += 1
            if self.acknowledged:
                self._produce(self._chance.choice(self.acknowledged))
                self._produce(self._chance.choice(self.acknowledged[-200:]))
                self.repeated += 2
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def _produce(self, name: str) -> None:
        device = f"d{int(name[1:]) % 40}"
        value = json.dumps({"event_id": name, "event_type": "VIEW", "device_id": device, "text": 'a\r\n",'})

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self.acknowledged.append(name)

        self._producer.produce(self._topic, value, key=device, on_delivery=delivered)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()


def start(env: dict[str, str], group: str) -> subprocess.Popen[bytes]:
    log = Path(env["HOME"]) / "feeder.log"
    with log.open("ab") as file:
        return subprocess.Popen([*FEEDER, "--group", group, *OPTIONS], cwd=ROOT, env=env, stdout=file, stderr=file)


def kill_again_and_again(env: dict[str, str], chance: random.Random, kills: int) -> None:
    """Kill feeders of one group; from the middle third on, one of another group claims all partitions as well."""
    second = None
    for number in range(kills):
        if number == kills // 3:
            second = start(env, "second")
        first = start(env, "first")
        # Some die while they start, most at work.
        if number % 5:
            wait_for_work(env, first)
        time.sleep(chance.uniform(0, 0.7))
        if second and chance.random() < 0.3:
            end(second)
            second = start(env, "second")
        end(first)
        if second and number == 2 * kills // 3:
            end(second)
            second = None
    if second:
        end(second)


def wait_for_work(env: dict[str, str], feeder: subprocess.Popen[bytes]) -> None:
    """Until more rows are committed, by this feeder or by the other one."""
    before = committed_rows(env)
    deadline = time.monotonic() + 30
    while feeder.poll() is None and committed_rows(env) <= before:
        assert time.monotonic() < deadline, "nothing was committed in 30 s; see feeder.log"
        time.sleep(0.02)


def committed_rows(env: dict[str, str]) -> int:
    found = checkpoints(Path(env["DATA_DIR"]) / "store", env["KAFKA_TOPIC"])
    return sum(checkpoint.rows for checkpoint in found.values())


def checkpoints(root: Path, topic: str) -> dict[int, Checkpoint]:
    found = [(paths.partition, read_checkpoint(paths.checkpoint)) for paths in partitions_in(root, topic)]
    return {partition: checkpoint for partition, checkpoint in found if checkpoint}


def end(process: subprocess.Popen[bytes]) -> None:
    assert process.poll() is None, "the feeder ended by itself; see feeder.log"
    process.kill()
    process.wait()


def drain(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [*FEEDER, "--group", "last", "--until-end"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=120, check=False, text=True)


def differences(root: Path, topic: str, acknowledged: list[str]) -> list[str]:
    """What is wrong with the store; empty when every acknowledged event is in it exactly once."""
    try:
        rows = stored_rows(root, topic)
        places = Counter((int(row["_partition"]), int(row["_offset"])) for row in rows)
    except (csv.Error, ValueError, TypeError, CorruptCheckpointError) as error:
        return [f"torn: {error}"]
    ids = Counter(row["event_id"] for row in rows)
    found = [f"{name} is missing" for name in acknowledged if name not in ids]
    found += [f"{name} is there {count} times" for name, count in ids.items() if count > 1]
    found += [f"{place} is there {count} times" for place, count in places.items() if count > 1]
    for number, checkpoint in checkpoints(root, topic).items():
        if sum(partition == number for partition, _ in places) != checkpoint.rows:
            found.append(f"partition {number} has other rows than its checkpoint says")
        if checkpoint.rows + checkpoint.duplicates != checkpoint.next_offset:
            found.append(f"partition {number} has holes")
    return found


@pytest.mark.timeout(400)
def test_every_acknowledged_event_is_stored_once(
    product_env: dict[str, str], tmp_path: Path, kafka: str, topic: str
) -> None:
    load = Load(kafka, topic)
    with load.running():
        kill_again_and_again(product_env, random.Random(SEED), KILLS)
    last = drain(product_env)
    assert last.returncode == 0, last.stderr
    root = Path(product_env["DATA_DIR"]) / "store"
    # Faults that never hit prove nothing.
    assert (tmp_path / "feeder.log").read_text().count("never committed") > KILLS // 10
    assert len(set(load.acknowledged)) > 10_000
    assert differences(root, topic, load.acknowledged) == []
    assert sum(checkpoint.duplicates for checkpoint in checkpoints(root, topic).values()) == load.repeated > 1_000


@pytest.mark.timeout(400)
def test_the_control_without_truncation_fails(product_env: dict[str, str], kafka: str, topic: str) -> None:
    """Were truncation off, the test above would notice."""
    env = product_env | {"CONTROL": "no-truncation"}
    load = Load(kafka, topic)
    with load.running():
        kill_again_and_again(env, random.Random(SEED), KILLS // 2)
    last = drain(env)
    root = Path(env["DATA_DIR"]) / "store"
    assert last.returncode != 0 or differences(root, topic, load.acknowledged)


@pytest.mark.timeout(400)
def test_the_control_without_the_memory_of_ids_fails(product_env: dict[str, str], kafka: str, topic: str) -> None:
    """Did a feeder start without knowing what was stored, the first test would notice."""
    env = product_env | {"CONTROL": "no-memory"}
    load = Load(kafka, topic)
    with load.running():
        kill_again_and_again(env, random.Random(SEED), KILLS // 5)
    assert drain(env).returncode == 0
    found = differences(Path(env["DATA_DIR"]) / "store", topic, load.acknowledged)
    assert any(text.endswith("is there 2 times") for text in found)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_by_signal_is_clean(
    product_env: dict[str, str], tmp_path: Path, kafka: str, topic: str, number: signal.Signals
) -> None:
    load = Load(kafka, topic)
    feeder = start(product_env, "only")
    root = Path(product_env["DATA_DIR"]) / "store"
    with load.running():
        while not stored_rows(root, topic):
            assert feeder.poll() is None, (tmp_path / "feeder.log").read_text()
            time.sleep(0.1)
        feeder.send_signal(number)
        assert feeder.wait(30) == 0
    assert not list(root.glob("state/*/*.open"))
    assert not list(root.glob("state/feeders/*.json"))
