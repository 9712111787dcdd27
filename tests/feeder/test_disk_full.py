"""A disk that is really full, and free again: a small tmpfs that only the feeder's process has mounted."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.feeder.support import stored_offsets
from tests.feeder.test_feeder import events, ids, produce, stored_ids

ROOT = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o size=4m tmpfs "$STORE_DIR" && head -c 3500k /dev/zero > "$STORE_DIR/filler" && exec "$@"'
COUNT = 5000
FIRST = 300


@pytest.mark.parametrize("kafka", ["real"], indirect=True)
def test_a_full_disk_is_waited_for_and_nothing_is_lost(product_env: dict[str, str], topic: str, tmp_path: Path) -> None:
    produce(topic, events(0, FIRST))
    store = tmp_path / "store"
    store.mkdir()
    log = tmp_path / "feeder.log"
    command = ["unshare", "-Urm", "sh", "-c", MOUNT, "sh", sys.executable, "manage.py", "runfeeder"]
    with log.open("wb") as file:
        feeder = subprocess.Popen(
            command, cwd=ROOT, env=product_env | {"STORE_DIR": str(store)}, stdout=file, stderr=file
        )
    seen = Path(f"/proc/{feeder.pid}/root{store}")
    try:
        # It fills up in the middle of segments that have committed rows.
        wait_for(lambda: seen.exists() and len(stored_offsets(seen, topic)) == FIRST, feeder, log)
        produce(topic, events(FIRST, COUNT - FIRST))
        # They are sent again, both what is stored already and what the full disk keeps waiting.
        produce(topic, events(0, COUNT))
        wait_for(lambda: "Disk full" in log.read_text(), feeder, log)
        before = stored_offsets(seen, topic)
        assert len(before) == len(set(before)) < COUNT
        (seen / "filler").unlink()
        wait_for(lambda: len(stored_offsets(seen, topic)) >= COUNT, feeder, log)
        assert stored_ids(seen, topic) == ids(COUNT)
        feeder.send_signal(signal.SIGTERM)
        assert feeder.wait(30) == 0
        assert "there is room again" in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        feeder.kill()
        feeder.wait()


def wait_for(condition: Callable[[], bool], feeder: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert feeder.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
