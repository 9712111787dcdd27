"""Writes and fsyncs that fail: the feeder ends, and the next one goes on from what is committed."""

import pytest

from torture.audit import audit
from torture.feeders import Feeders
from torture.load import Load

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)

ERRORS = {
    "EIO write *.open 3": ".open: Input/output error.",
    "EIO fdatasync *.open 3": ".open: fsync failed: Input/output error.",
    "EIO fdatasync dead-letters.* 2": "dead-letters.ndjson: fsync failed: Input/output error.",
    "EIO pwrite CKPT 20": "CKPT: Input/output error.",
    "EIO fdatasync CKPT 21": "CKPT: Input/output error.",
    "EIO rename *.csv 1": ".csv: Input/output error.",
    "EIO fsync date=* 1": "fsync failed: Input/output error.",
}


def test_an_error_ends_the_feeder_and_loses_nothing(feeders: Feeders, load: Load) -> None:
    with load.running():
        for fault, message in ERRORS.items():
            feeder = feeders.start("g", "--roll-bytes", "20000", FAULT=fault, SLOW_DISK="")
            assert feeder.wait() == 5, f"{fault}: {feeder.log}"
            (said,) = [line for line in feeder.log.splitlines() if line.startswith("CommandError: ")]
            assert said.endswith(message), fault
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


def test_the_control_that_tries_an_fsync_again_fails(feeders: Feeders, load: Load) -> None:
    """The second fsync succeeds, and what the first one lost counts as stored."""
    with load.running():
        feeder = feeders.start(FAULT="EIO fdatasync *.open 5", CONTROL="retry-fsync")
        feeders.wait_for_work(feeder, 2000)
        feeder.stop()
    feeders.drain()
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems
