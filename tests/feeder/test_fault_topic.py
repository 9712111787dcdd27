"""What can happen to the topic, and to the clocks."""

import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from brokerlytics.kafka import client_config
from brokerlytics.topics import TopicSpec, ensure_topic
from torture.audit import audit
from torture.feeders import Feeders
from torture.load import Load

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


def stop_after_work(feeders: Feeders, load: Load, **faults: str) -> None:
    """A feeder that stored some and stopped."""
    load.send(600)
    load.finish()
    feeder = feeders.start(**faults)
    feeders.wait_for_work(feeder, 600)
    assert feeder.stop() == 0, feeder.log


def remove_records(topic: str, partition: int, until: int) -> None:
    start = TopicPartition(topic, partition, until)
    AdminClient(client_config()).delete_records([start])[start].result(timeout=30)


def end_of(load: Load, partition: int) -> int:
    return max(offset for number, offset in load.acknowledged.places if number == partition) + 1


def test_offsets_that_retention_removed_are_told_and_counted(feeders: Feeders, load: Load) -> None:
    stop_after_work(feeders, load)
    before = end_of(load, 0)
    load.send(600)
    load.finish()
    remove_records(feeders.topic, 0, before + 30)
    last = feeders.drain()
    assert last.returncode == 0, last.log
    assert f"{feeders.topic}[0] LOST offsets {before} to {before + 29}" in last.log
    result = audit(feeders.store, feeders.topic, load.acknowledged)
    assert result.problems == []
    assert 0 < result.explained <= 30


def test_retention_that_overtakes_a_running_feeder_is_told_and_counted(feeders: Feeders, load: Load) -> None:
    load.send(600)
    load.finish()
    feeder = feeders.start()
    feeders.wait_for_work(feeder, 600)
    feeder.send(signal.SIGSTOP)
    # More than the client has asked for already.
    load.send(3000)
    load.finish()
    until = end_of(load, 0) - 5
    remove_records(feeders.topic, 0, until)
    feeder.send(signal.SIGCONT)
    feeder.wait_until(lambda: feeders.checkpoints()[0].next_offset >= until + 5)
    assert feeder.stop() == 0, feeder.log
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []
    for gap in feeders.checkpoints()[0].gaps:
        assert f"{feeders.topic}[0] LOST offsets {gap.start} to {gap.end - 1}" in feeder.log


def test_the_control_that_does_not_look_at_the_topic_fails(feeders: Feeders, load: Load) -> None:
    stop_after_work(feeders, load, CONTROL="no-gaps")
    before = end_of(load, 0)
    load.send(600)
    load.finish()
    remove_records(feeders.topic, 0, before + 30)
    assert feeders.drain(CONTROL="no-gaps").returncode == 0
    result = audit(feeders.store, feeders.topic, load.acknowledged)
    assert result.lost > 0
    assert "[0] took" in " ".join(result.problems)


@pytest.mark.timeout(100)
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_partitions_that_are_added_are_found_by_a_running_feeder(feeders: Feeders, load: Load, protocol: str) -> None:
    client = {"KAFKA_GROUP_PROTOCOL": protocol, "KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000"}
    with load.running():
        feeder = feeders.start(**client)
        feeders.wait_for_work(feeder)
        added = AdminClient(client_config()).create_partitions([NewPartitions(feeders.topic, 8)])
        added[feeders.topic].result(timeout=30)
        feeder.wait_for_log(f"{feeders.topic}[7] starts at offset 0")
        load.partitions = 8
        feeder.wait_until(lambda: feeders.checkpoints()[7].rows > 10)
    assert feeder.stop() == 0, feeder.log
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


@pytest.mark.timeout(100)
def test_a_clock_that_jumps_by_hours_changes_nothing(feeders: Feeders, load: Load, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    with load.running():
        feeder = feeders.start(CLOCK=str(clock))
        feeders.wait_for_work(feeder)
        for hours in (5, -7, 30, -3, 0, -24):
            clock.write_text(str(hours * 3600))
            time.sleep(0.3)
            feeders.wait_for_work(feeder, 500)
    assert feeder.stop() == 0, feeder.log
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


def test_a_topic_that_was_made_again_is_refused(feeders: Feeders, load: Load, kafka: str) -> None:
    """Even when it has more records than the old one by then."""
    stop_after_work(feeders, load)
    admin = AdminClient(client_config())
    admin.delete_topics([feeders.topic])[feeders.topic].result(timeout=30)
    deadline = time.monotonic() + 30
    while feeders.topic in admin.list_topics(timeout=10).topics and time.monotonic() < deadline:
        time.sleep(0.1)
    ensure_topic(TopicSpec(feeders.topic, 6, 7, 1))
    again = Load(kafka, feeders.topic, seed=uuid4().int)
    again.send(3000)
    again.finish()
    refused = feeders.drain()
    assert refused.returncode == 3
    assert "deleted and made again" in refused.log
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []
