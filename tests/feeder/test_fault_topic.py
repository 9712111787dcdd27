"""What can happen to the topic, and to the clock."""

import random
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from pytest_django import Settings

from brokerlytics.checkpoint import read_checkpoint
from brokerlytics.kafka import client_config
from brokerlytics.store import PartitionPaths
from brokerlytics.topics import TopicIdentity, TopicSpec, ensure_topic
from feeder_app.errors import StoreDamagedError
from feeder_app.feeder import Feeder
from tests.feeder.test_feeder import drain, feeder, running, step_until
from tests.waiting import PATIENCE, comes_true, wait_until
from torture.audit import audit
from torture.feeders import Feeders
from torture.load import Load

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


def send(load: Load, count: int) -> None:
    load.send(count)
    load.finish()


def remove_records(topic: str, partition: int, until: int) -> None:
    start = TopicPartition(topic, partition, until)
    admin = AdminClient(client_config())
    admin.delete_records([start])[start].result(timeout=PATIENCE)


def end_of(load: Load, partition: int) -> int:
    return max(offset for number, offset in load.acknowledged.places if number == partition) + 1


def test_offsets_that_retention_removed_are_told_and_counted(
    tmp_path: Path, load: Load, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    send(load, 600)
    drain(tmp_path, topic)
    before = end_of(load, 0)
    send(load, 600)
    remove_records(topic, 0, before + 30)
    drain(tmp_path, topic)
    lost = f"{topic}[0] LOST offsets {before} to {before + 29}, 30 of them: retention removed them"
    assert lost in caplog.text
    result = audit(tmp_path, topic, load.acknowledged)
    assert result.problems == []
    assert 0 < result.explained <= 30


def test_the_control_that_does_not_look_at_the_topic_fails(feeders: Feeders, load: Load) -> None:
    send(load, 600)
    assert feeders.drain(CONTROL="no-gaps").returncode == 0
    before = end_of(load, 0)
    send(load, 600)
    remove_records(feeders.topic, 0, before + 30)
    assert feeders.drain(CONTROL="no-gaps").returncode == 0
    result = audit(feeders.store, feeders.topic, load.acknowledged)
    assert result.lost > 0
    assert "[0] took" in " ".join(result.problems)


def test_retention_that_overtakes_a_running_feeder_is_told_and_counted(feeders: Feeders, load: Load) -> None:
    send(load, 600)
    process = feeders.start()
    process.wait_until(lambda: feeders.committed() >= 600)
    process.send(signal.SIGSTOP)
    send(load, 3000)
    until = end_of(load, 0) - 5
    remove_records(feeders.topic, 0, until)
    process.send(signal.SIGCONT)
    process.wait_until(lambda: feeders.committed_until(0) >= until + 5)
    assert process.stop() == 0, process.log
    # What the client had asked for already came before.
    (gap,) = feeders.checkpoints()[0].gaps
    assert f"{feeders.topic}[0] LOST offsets {gap.start} to {until - 1}" in process.log
    assert feeders.drain().returncode == 0
    result = audit(feeders.store, feeders.topic, load.acknowledged)
    assert result.problems == []
    assert result.explained > 0


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_partitions_that_are_added_are_found_by_a_running_feeder(
    tmp_path: Path, load: Load, topic: str, settings: Settings, protocol: str
) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"group.protocol": protocol, "topic.metadata.refresh.interval.ms": "1000"}
    send(load, 100)
    with feeder(tmp_path, topic) as alone:
        step_until(lambda: len(running(alone)) == 6, alone)
        admin = AdminClient(client_config())
        admin.create_partitions([NewPartitions(topic, 8)])[topic].result(timeout=PATIENCE)
        step_until(lambda: len(running(alone)) == 8, alone)
        # A new producer knows of them.
        added = Load(load.servers, topic, seed=2)
        added.partitions = 8
        send(added, 400)
        load.acknowledged.add(added.acknowledged)
        step_until(lambda: stored(tmp_path, topic) == len(load.acknowledged.places), alone)
    assert audit(tmp_path, topic, load.acknowledged).problems == []
    assert end_of(load, 7) > 10


def stored(root: Path, topic: str) -> int:
    """Records that were stored, counted as repeated, or parked."""
    checkpoints = [read_checkpoint(PartitionPaths(root, topic, number).checkpoint) for number in range(8)]
    return sum(one.rows + one.duplicates + one.dead_letters for one in checkpoints if one)


def goes_on_with_clock(alone: Feeder, load: Load, root: Path, hours: float, timeout: float = PATIENCE) -> bool:
    """Whether what comes while the clock is off by so many hours is stored."""
    send(load, 100)

    def all_are_stored() -> bool:
        alone.run_once(datetime.now(UTC) + timedelta(hours=hours))
        return stored(root, load.topic) == len(load.acknowledged.places)

    return comes_true(all_are_stored, timeout, pause=0)


def test_a_clock_that_jumps_by_hours_changes_nothing(tmp_path: Path, load: Load, topic: str) -> None:
    chance = random.Random(1)
    with feeder(tmp_path, topic) as alone:
        for hours in [0, 5, -7, 0, *(chance.uniform(-30, 30) for _ in range(6))]:
            assert goes_on_with_clock(alone, load, tmp_path, hours), hours
    assert audit(tmp_path, topic, load.acknowledged).problems == []


def test_the_control_that_waits_for_the_clock_fails(
    tmp_path: Path, load: Load, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeder_app.policies.is_due", lambda now, at, _interval: now >= at)
    with feeder(tmp_path, topic) as alone:
        assert goes_on_with_clock(alone, load, tmp_path, 0)
        assert goes_on_with_clock(alone, load, tmp_path, 5)
        assert not goes_on_with_clock(alone, load, tmp_path, -7, timeout=5)


@pytest.mark.parametrize("known", [True, False], ids=["by its id", "by its end"])
def test_a_topic_that_was_made_again_is_refused(tmp_path: Path, load: Load, topic: str, *, known: bool) -> None:
    """By its id, even when it has more records than the old one by then."""
    send(load, 600)
    drain(tmp_path, topic)
    again = make_again(topic, load)
    send(again, 3000 if known else 10)
    with pytest.raises(StoreDamagedError, match="deleted and made again") as caught:
        drain(tmp_path, topic)
    assert caught.value.exit_code == 3
    assert audit(tmp_path, topic, load.acknowledged).problems == []


def test_the_control_that_knows_a_topic_by_its_name_fails(
    tmp_path: Path, load: Load, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TopicIdentity, "ask", lambda *_: None)
    send(load, 600)
    drain(tmp_path, topic)
    again = make_again(topic, load)
    again.send(3000)
    again.finish()
    drain(tmp_path, topic)
    assert audit(tmp_path, topic, again.acknowledged).problems


def test_a_topic_that_is_made_again_beside_a_running_feeder_is_refused(
    tmp_path: Path, load: Load, topic: str, settings: Settings
) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"topic.metadata.refresh.interval.ms": "1000"}
    send(load, 600)
    with feeder(tmp_path, topic) as alone:
        step_until(lambda: stored(tmp_path, topic) == len(load.acknowledged.places), alone)
        send(make_again(topic, load), 3000)
        with pytest.raises(StoreDamagedError, match="deleted and made again"):
            step_until(lambda: False, alone)
        alone.abandon()


def make_again(topic: str, load: Load) -> Load:
    """Delete the topic, make another of its name, and give a load for that."""
    admin = AdminClient(client_config())
    admin.delete_topics([topic])[topic].result(timeout=PATIENCE)
    wait_until(lambda: topic not in admin.list_topics(timeout=PATIENCE).topics)
    ensure_topic(TopicSpec(topic, 6, 7, 1))
    return Load(load.servers, topic, seed=2)
