"""A disk that is really full, and free again: a small tmpfs that only the feeder's process has mounted."""

import csv
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.feeder.support import stored_offsets
from tests.feeder.test_feeder import events, ids, produce, stored_ids
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o size=4m tmpfs "$STORE_DIR" && head -c 3500k /dev/zero > "$STORE_DIR/filler" && exec "$@"'
COUNT = 5000
FIRST = 300

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


class Feeder:
    """`store` is the mount as this process sees it."""

    def __init__(self, env: dict[str, str], home: Path) -> None:
        store = home / "store"
        store.mkdir()
        self._log = home / "feeder.log"
        command = ["unshare", "-Urm", "sh", "-c", MOUNT, "sh", sys.executable, "-m", "torture.faulty_feeder"]
        with self._log.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env | {"STORE_DIR": str(store)}, stdout=file, stderr=file
            )
        self.store = Path(f"/proc/{self.process.pid}/root{store}")

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        wait_until(lambda: self.process.poll() is not None or condition(), lambda: self.log)
        assert self.process.poll() is None, self.log


@contextmanager
def full_and_free_again(env: dict[str, str], topic: str, home: Path) -> Iterator[Feeder]:
    """A feeder whose disk filled up in the middle of segments that have committed rows, and has room again."""
    produce(topic, events(0, FIRST))
    feeder = Feeder(env, home)
    try:
        feeder.wait_for(lambda: feeder.store.exists() and len(stored_offsets(feeder.store, topic)) == FIRST)
        produce(topic, events(FIRST, COUNT - FIRST))
        # They are sent again, both what is stored already and what the full disk keeps waiting.
        produce(topic, events(0, COUNT))
        feeder.wait_for(lambda: "Disk full" in feeder.log)
        before = stored_offsets(feeder.store, topic)
        assert len(before) == len(set(before)) < COUNT
        (feeder.store / "filler").unlink()
        feeder.wait_for(lambda: "there is room again" in feeder.log)
        yield feeder
    finally:
        feeder.process.kill()
        feeder.process.wait()


def test_a_full_disk_is_waited_for_and_nothing_is_lost(product_env: dict[str, str], topic: str, tmp_path: Path) -> None:
    with full_and_free_again(product_env, topic, tmp_path) as feeder:
        feeder.wait_for(lambda: len(stored_offsets(feeder.store, topic)) >= COUNT)
        assert stored_ids(feeder.store, topic) == ids(COUNT)
        feeder.process.send_signal(signal.SIGTERM)
        assert feeder.process.wait(PATIENCE) == 0
        assert "Traceback" not in feeder.log


def test_the_control_without_truncation_fails(product_env: dict[str, str], topic: str, tmp_path: Path) -> None:
    """Half of what did not fit stays in the file: rows are torn, or there twice."""
    with full_and_free_again(product_env | {"CONTROL": "no-truncation"}, topic, tmp_path) as feeder:
        feeder.wait_for(lambda: wrong(feeder, topic))


def wrong(feeder: Feeder, topic: str) -> bool:
    """Whether rows are torn or there twice."""
    try:
        found = stored_offsets(feeder.store, topic)
    except (csv.Error, ValueError, TypeError):
        return True
    return len(found) != len(set(found))
