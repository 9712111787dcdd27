"""A store that somebody or something damaged: what is mended, what is refused, and what the operator reads."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.test import override_settings

from brokerlytics.checkpoint import SLOT_BYTES, read_checkpoint
from brokerlytics.store import PartitionPaths, closed_segments, partitions_in
from brokerlytics.topics import TopicSpec, ensure_topic
from feeder_app.errors import StoreDamagedError
from tests.feeder.test_feeder import drain
from torture.audit import Audit, audit
from torture.controls import CONTROLS
from torture.faults import damage_newest_slot
from torture.feeders import Feeders, clean_environment
from torture.load import Load


class Damaged:
    """A copy of the store that a killed feeder left, and the topic with what it did not take."""

    def __init__(self, root: Path, load: Load, topic: str) -> None:
        self.root = root
        self.topic = topic
        self._load = load

    @property
    def paths(self) -> PartitionPaths:
        """Of a partition with a closed segment and an active one."""
        for paths in partitions_in(self.root, self.topic):
            checkpoint = read_checkpoint(paths.checkpoint)
            if checkpoint and checkpoint.active and checkpoint.active.committed_bytes:
                return paths
        raise AssertionError("no partition has an active segment")

    def drain(self) -> None:
        drain(self.root, self.topic)

    def audit(self) -> Audit:
        return audit(self.root, self.topic, self._load.acknowledged)

    def refusal(self) -> str:
        """What `runfeeder` says when it ends with code 3."""
        with pytest.raises(StoreDamagedError) as caught:
            self.drain()
        assert caught.value.exit_code == 3
        return str(caught.value)


@pytest.fixture(scope="module")
def killed(real_kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    """What a feeder left that was killed at work: closed segments and active ones."""
    home = tmp_path_factory.mktemp("killed")
    with override_settings(KAFKA_BOOTSTRAP_SERVERS=real_kafka):
        topic = ensure_topic(TopicSpec(f"events-{uuid4().hex[:12]}", 6, 7, 1)).name
        load = Load(real_kafka, topic, seed=1)
        with Feeders(clean_environment(home, real_kafka, topic), home) as feeders:
            feeder = feeders.start("g", "--roll-bytes", "40000", "--roll-age", "60")
            for count in (3000, 1000):
                goal = len(load.acknowledged.places)
                load.send(count)
                load.finish()
                feeder.wait_until(lambda: feeders.committed() > goal)  # noqa: B023 (it is called at once)
            feeder.kill()
            load.send(1000)
            load.finish()
            yield Damaged(feeders.store, load, topic)


@pytest.fixture
def damaged(killed: Damaged, tmp_path: Path) -> Iterator[Damaged]:
    root = tmp_path / "store"
    shutil.copytree(killed.root, root)
    with override_settings(KAFKA_BOOTSTRAP_SERVERS=killed._load.servers):
        yield Damaged(root, killed._load, killed.topic)
    # The controls of the torture start patches.
    patch.stopall()


def test_a_damaged_slot_is_told_and_the_other_one_decides(damaged: Damaged, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for paths in partitions_in(damaged.root, damaged.topic):
        damage_newest_slot(paths.checkpoint, 20)
    damaged.drain()
    assert caplog.text.count("one of its two slots is damaged, the other one decides") == 6
    assert damaged.audit().problems == []


def test_the_control_with_one_slot_fails(damaged: Damaged) -> None:
    """Were every checkpoint written over the one before it, a damaged one would be the end."""
    path = damaged.paths.checkpoint
    content = bytearray(path.read_bytes())
    newest = read_checkpoint(path)
    assert newest
    start = newest.sequence % 2 * SLOT_BYTES
    content[start + 20] ^= 1
    content[SLOT_BYTES - start : 2 * SLOT_BYTES - start] = bytes(SLOT_BYTES)
    path.write_bytes(content)
    damaged.refusal()


def test_two_damaged_slots_are_refused_and_nothing_is_touched(damaged: Damaged) -> None:
    path = damaged.paths.checkpoint
    whole = path.read_bytes()
    path.write_bytes(b"\xff" * len(whole))
    message = damaged.refusal()
    assert message.startswith(f"{path}: neither slot of the checkpoint is valid. Restore it from a backup")
    path.write_bytes(whole)
    damaged.drain()
    assert damaged.audit().problems == []


def test_a_missing_checkpoint_is_refused(damaged: Damaged) -> None:
    path = damaged.paths.checkpoint
    path.unlink()
    assert damaged.refusal().startswith(f"{path} is missing, but {damaged.root / 'data'} holds segments")


def test_the_control_that_starts_anew_without_a_checkpoint_fails(damaged: Damaged) -> None:
    path = damaged.paths.checkpoint
    path.write_bytes(b"\xff" * len(path.read_bytes()))
    CONTROLS["forget-checkpoint"]()
    # Names of closed segments stand in its way, unless they are others by chance.
    with suppress(StoreDamagedError):
        damaged.drain()
    assert damaged.audit().problems


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_an_active_segment_with_less_than_was_committed_is_refused(damaged: Damaged, damage: str) -> None:
    checkpoint = read_checkpoint(damaged.paths.checkpoint)
    assert checkpoint
    assert checkpoint.active
    active = damaged.paths.state / checkpoint.active.name
    size = checkpoint.active.committed_bytes
    if damage == "missing":
        active.unlink()
        expected = f"{active} is missing; the checkpoint says that {size} bytes of it are committed."
    else:
        active.write_bytes(active.read_bytes()[: size - 1])
        expected = f"{active} has {size - 1} bytes; the checkpoint says that {size} are committed."
    assert damaged.refusal() == expected


def test_a_closed_segment_that_was_cut_is_refused(damaged: Damaged) -> None:
    """In reach of the memory of ids it is read, and found to be no CSV of ours any more."""
    path = closed_segments(damaged.root, damaged.topic)[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert damaged.refusal() == f"{path} holds a row that no feeder wrote. Restore it."
    path.write_bytes(whole)
    damaged.drain()
    assert damaged.audit().problems == []


def test_a_closed_segment_that_was_deleted_is_missed_by_the_count(damaged: Damaged) -> None:
    """The feeder goes on, and what comes is stored once; the checkpoint still counts the rows that are gone."""
    segment = closed_segments(damaged.root, damaged.topic)[0]
    segment.path.unlink()
    damaged.drain()
    result = damaged.audit()
    assert result.lost > 0
    assert result.duplicated == 0
    assert any(text.startswith(f"[{segment.partition}] has ") for text in result.problems)
