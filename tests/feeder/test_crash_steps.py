"""SIGKILL at every named step of commit and close, in a real process, on a real broker under load."""

import pytest

from torture.audit import audit
from torture.feeders import Feeders
from torture.load import Load

STEPS = {
    "half of the rows": "kill-half write *.open 3",
    "rows written": "kill-after write *.open 4",
    "rows synced": "kill-after fdatasync *.open 5",
    "half of a dead letter": "kill-half write dead-letters.* 3",
    "dead letters written": "kill-after write dead-letters.* 2",
    "uncommitted bytes cut": "kill-after ftruncate dead-letters.* 1",
    "dead letters synced": "kill-after fdatasync dead-letters.* 3",
    "half of a checkpoint": "kill-half pwrite CKPT 20",
    "checkpoint written": "kill-after pwrite CKPT 21",
    "checkpoint synced": "kill-after fdatasync CKPT 22",
    "segment made": "kill-after fsync events-*-000? 2",
    "before the rename": "kill-before rename *.csv 1",
    "renamed": "kill-after rename *.csv 2",
    "data directory synced": "kill-after fsync date=* 2",
}

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


def test_a_kill_at_any_step_loses_and_repeats_nothing(feeders: Feeders, load: Load) -> None:
    options = ["--roll-bytes", "20000"]
    with load.running():
        for step, fault in STEPS.items():
            feeder = feeders.start("g", *options, FAULT=fault, SLOW_DISK="")
            assert feeder.wait() == -9, f"{step}: {feeder.log}"
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


def test_the_control_with_one_slot_fails(feeders: Feeders, load: Load) -> None:
    """A checkpoint that is written over its predecessor is lost when the write is torn."""
    with load.running():
        # Every partition has closed segments by then.
        feeder = feeders.start("g", "--roll-bytes", "1024", FAULT="kill-half pwrite CKPT 90", CONTROL="one-slot")
        assert feeder.wait() == -9, feeder.log
    last = feeders.drain(CONTROL="one-slot")
    assert last.returncode == 3 or audit(feeders.store, feeders.topic, load.acknowledged).problems
