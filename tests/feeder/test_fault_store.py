"""A store that somebody or something damaged: what is mended, what is refused, and what the operator reads."""

from pathlib import Path

import pytest

from brokerlytics.checkpoint import SLOT_BYTES, read_checkpoint
from brokerlytics.store import PartitionPaths, closed_segments
from torture.audit import audit
from torture.feeders import FeederProcess, Feeders
from torture.load import Load

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


@pytest.fixture
def killed(feeders: Feeders, load: Load) -> FeederProcess:
    """A feeder that died at work: with closed segments and active ones."""
    load.send(3000)
    load.finish()
    first = feeders.drain()
    assert first.returncode == 0, first.log
    second = feeders.start()
    second.wait_for_log("is given partitions")
    load.send(1000)
    load.finish()
    feeders.wait_for_work(second, 200)
    second.kill()
    load.send(500)
    load.finish()
    return second


def paths_with_active(feeders: Feeders) -> PartitionPaths:
    return next(
        PartitionPaths(feeders.store, feeders.topic, partition)
        for partition, checkpoint in feeders.checkpoints().items()
        if checkpoint.active and checkpoint.active.committed_bytes
    )


def damage_newest_slot(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    assert checkpoint
    content = bytearray(path.read_bytes())
    content[checkpoint.sequence % 2 * SLOT_BYTES + 20] ^= 1
    path.write_bytes(content)


@pytest.mark.usefixtures("killed")
def test_a_damaged_slot_is_told_and_the_other_one_decides(feeders: Feeders, load: Load) -> None:
    for partition in feeders.checkpoints():
        damage_newest_slot(PartitionPaths(feeders.store, feeders.topic, partition).checkpoint)
    last = feeders.drain()
    assert last.returncode == 0, last.log
    assert last.log.count("one of its two slots is damaged, the other one decides") == 6
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


@pytest.mark.usefixtures("killed")
def test_the_control_with_one_slot_fails(feeders: Feeders, load: Load) -> None:
    running = feeders.start(CONTROL="one-slot")
    feeders.wait_for_work(running, 100)
    running.kill()
    path = paths_with_active(feeders).checkpoint
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    content[SLOT_BYTES:] = bytes(SLOT_BYTES)
    path.write_bytes(content)
    last = feeders.drain()
    assert last.returncode == 3 or audit(feeders.store, feeders.topic, load.acknowledged).problems


@pytest.mark.usefixtures("killed")
def test_two_damaged_slots_are_refused_and_nothing_is_touched(feeders: Feeders, load: Load) -> None:
    path = paths_with_active(feeders).checkpoint
    whole = path.read_bytes()
    path.write_bytes(b"\xff" * len(whole))
    refused = feeders.drain()
    assert refused.returncode == 3
    assert f"{path}: neither slot of the checkpoint is valid. Restore it from a backup" in refused.log
    path.write_bytes(whole)
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


@pytest.mark.usefixtures("killed")
def test_a_missing_checkpoint_is_refused(feeders: Feeders) -> None:
    path = paths_with_active(feeders).checkpoint
    path.unlink()
    refused = feeders.drain()
    assert refused.returncode == 3
    assert f"{path} is missing, but {feeders.store / 'data'} holds segments" in refused.log


@pytest.mark.usefixtures("killed")
def test_the_control_that_starts_anew_without_a_checkpoint_fails(feeders: Feeders, load: Load) -> None:
    path = paths_with_active(feeders).checkpoint
    path.write_bytes(b"\xff" * len(path.read_bytes()))
    feeders.drain(CONTROL="forget-checkpoint")
    assert audit(feeders.store, feeders.topic, load.acknowledged).duplicated > 100


@pytest.mark.usefixtures("killed")
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_an_active_segment_with_less_than_was_committed_is_refused(feeders: Feeders, damage: str) -> None:
    paths = paths_with_active(feeders)
    checkpoint = read_checkpoint(paths.checkpoint)
    assert checkpoint
    assert checkpoint.active
    active = paths.state / checkpoint.active.name
    size = checkpoint.active.committed_bytes
    if damage == "missing":
        active.unlink()
        message = f"{active} is missing; the checkpoint says that {size} bytes of it are committed."
    else:
        active.write_bytes(active.read_bytes()[: size - 1])
        message = f"{active} has {size - 1} bytes; the checkpoint says that {size} are committed."
    refused = feeders.drain()
    assert refused.returncode == 3
    assert message in refused.log


@pytest.mark.usefixtures("killed")
def test_a_closed_segment_that_was_cut_is_refused(feeders: Feeders, load: Load) -> None:
    """In reach of the memory of ids it is read, and found to be no CSV of ours any more."""
    path = closed_segments(feeders.store, feeders.topic)[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    refused = feeders.drain()
    assert refused.returncode == 3
    assert f"{path} holds a row that no feeder wrote. Restore it." in refused.log
    path.write_bytes(whole)
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


@pytest.mark.usefixtures("killed")
def test_a_closed_segment_that_was_deleted_is_missed_by_the_count(feeders: Feeders, load: Load) -> None:
    """The feeder goes on, what comes is stored once; the checkpoint still counts the rows that are gone."""
    segment = closed_segments(feeders.store, feeders.topic)[0]
    segment.path.unlink()
    assert feeders.drain().returncode == 0
    result = audit(feeders.store, feeders.topic, load.acknowledged)
    assert result.lost > 0
    assert result.duplicated == 0
    assert any(text.startswith(f"[{segment.partition}] has ") for text in result.problems)
