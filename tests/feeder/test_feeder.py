"""The feeder's contract with Kafka, on a real broker; what takes no long time on librdkafka's mock cluster as well."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pytest_django import Settings
from rich.console import Console

from brokerlytics.checkpoint import read_checkpoint
from brokerlytics.heartbeat import State, live_heartbeats
from brokerlytics.kafka import client_config
from brokerlytics.store import PartitionPaths, closed_segments, partitions_in
from brokerlytics.topics import TopicSpec, ensure_topic
from feeder_app.consumer import make_consumer
from feeder_app.errors import PoisonBoundError, StoreDamagedError
from feeder_app.feeder import Feeder, FeederOptions
from feeder_app.locking import FileLock
from feeder_app.policies import FeederPolicy
from feeder_app.progress import Progress
from feeder_app.recovery import open_partition
from feeder_app.service import ServiceOptions, run_feeder
from tests.feeder.support import stored_offsets, stored_rows
from tests.waiting import PATIENCE, wait_until

QUICK = FeederPolicy(flush_interval=timedelta(milliseconds=100))
on_real_kafka = pytest.mark.parametrize("kafka", ["real"], indirect=True)


def make_topic() -> str:
    """A topic with one partition."""
    return ensure_topic(TopicSpec(f"one-{uuid4().hex[:12]}", 1, 7, 1)).name


def produce(topic: str, values: list[bytes]) -> None:
    """Put the values on the topic and wait until the broker has them all."""
    failures: list[object] = []
    producer = Producer(client_config(enable_idempotence=True))
    for number, value in enumerate(values):
        producer.produce(
            topic, value, key=f"k{number % 50}", on_delivery=lambda error, _: failures.append(error) if error else None
        )
    assert producer.flush(PATIENCE) == 0
    assert not failures


def events(start: int, count: int) -> list[bytes]:
    return [
        json.dumps({"event_id": f"e{n}", "event_type": "VIEW", "device_id": f"d{n % 50}"}).encode()
        for n in range(start, start + count)
    ]


def drain(root: Path, topic: str, policy: FeederPolicy = QUICK) -> int:
    """Run a feeder to the end of the topic, each time in a new group: no committed offset helps it."""
    options = ServiceOptions(root=root, topic=topic, group=f"g-{uuid4().hex}", until_end=True, policy=policy)
    return run_feeder(options, lambda: False, Progress(Console(file=io.StringIO()))).rows


@contextmanager
def feeder(root: Path, topic: str, name: str = "one") -> Iterator[Feeder]:
    """A feeder that a test drives step by step."""
    now = datetime.now(UTC)
    consumer = make_consumer(f"g-{topic}", name, report_ends=True)
    running = Feeder(consumer, FeederOptions(name=name, topic=topic, root=root, policy=QUICK), now)
    try:
        yield running
    finally:
        running.close(datetime.now(UTC))


def step_until(condition: Callable[[], bool], *feeders: Feeder) -> None:
    def step() -> bool:
        if condition():
            return True
        for running in feeders:
            running.run_once(datetime.now(UTC))
        return condition()

    wait_until(step, pause=0)


def stored_ids(root: Path, topic: str) -> list[str]:
    return sorted(row["event_id"] for row in stored_rows(root, topic))


def ids(count: int) -> list[str]:
    return sorted(f"e{n}" for n in range(count))


def test_every_event_is_stored_once_and_in_order(tmp_path: Path, topic: str) -> None:
    produce(topic, events(0, 3000))
    assert drain(tmp_path, topic) == 3000
    assert stored_ids(tmp_path, topic) == ids(3000)
    of_one_device = [int(row["event_id"][1:]) for row in stored_rows(tmp_path, topic) if row["device_id"] == "d7"]
    assert of_one_device == sorted(of_one_device)
    # A clean stop leaves closed segments only.
    assert not list((tmp_path / "state").glob("*/*.open"))


@on_real_kafka
def test_a_later_feeder_goes_on_where_the_first_stopped(tmp_path: Path, topic: str) -> None:
    produce(topic, events(0, 500))
    assert drain(tmp_path, topic) == 500
    assert drain(tmp_path, topic) == 0
    produce(topic, events(500, 500))
    assert drain(tmp_path, topic) == 500
    assert stored_ids(tmp_path, topic) == ids(1000)


def test_what_is_no_event_is_parked_and_the_rest_is_stored(tmp_path: Path, topic: str) -> None:
    good = events(0, 100)
    produce(topic, [item for pair in zip(good, [b"junk"] * 100, strict=True) for item in pair])
    assert drain(tmp_path, topic) == 100
    assert stored_ids(tmp_path, topic) == ids(100)
    letters = [
        json.loads(line)
        for paths in partitions_in(tmp_path, topic)
        for line in paths.dead_letters.read_text().splitlines()
    ]
    assert len(letters) == 100
    assert {(letter["topic"], letter["reason"], letter["value"]) for letter in letters} == {
        (topic, "not_json", "anVuaw==")
    }
    rows = set(stored_offsets(tmp_path, topic))
    parked = {(letter["partition"], letter["offset"]) for letter in letters}
    assert len(rows | parked) == 200


@on_real_kafka
def test_too_much_poison_stops_loudly_and_keeps_what_came_before(tmp_path: Path, topic: str) -> None:
    produce(topic, [*events(0, 50), *[b"junk"] * 300])
    with pytest.raises(PoisonBoundError):
        drain(tmp_path, topic, FeederPolicy(poison_run=3))
    with pytest.raises(PoisonBoundError):
        drain(tmp_path, topic, FeederPolicy(poison_run=3))
    drain(tmp_path, topic, FeederPolicy(poison_run=None, poison_share=None))
    assert stored_ids(tmp_path, topic) == ids(50)


@on_real_kafka
def test_two_feeders_share_the_partitions_and_hand_them_over(tmp_path: Path, topic: str) -> None:
    produce(topic, events(0, 500))
    with feeder(tmp_path, topic, "one") as first:
        step_until(first.at_end, first)
        with feeder(tmp_path, topic, "two") as second:
            step_until(lambda: bool(running(first)) and len(running(second)) >= 2, first, second)
            assert not running(first) & running(second)
            # Clients send the first half again, to owners who did not store it.
            produce(topic, events(0, 1000))
            step_until(lambda: len(stored_ids(tmp_path, topic)) >= 1000, first, second)
            step_until(lambda: lags(first) | lags(second) == {0}, first, second)
            assert second.status(datetime.now(UTC)).duplicates > 0
    assert stored_ids(tmp_path, topic) == ids(1000)


@on_real_kafka
def test_what_a_client_sent_again_is_stored_once_and_counted(tmp_path: Path, topic: str) -> None:
    produce(topic, [*events(0, 200), *events(0, 50), *events(100, 50)])
    produce(topic, events(50, 100))
    with feeder(tmp_path, topic) as alone:
        step_until(alone.at_end, alone)
        step_until(lambda: alone.status(datetime.now(UTC)).duplicates == 200, alone)
        assert alone.status(datetime.now(UTC)).rows == 200
    assert stored_ids(tmp_path, topic) == ids(200)
    produce(topic, events(0, 250))
    assert drain(tmp_path, topic) == 50
    assert stored_ids(tmp_path, topic) == ids(250)


def lags(of: Feeder) -> set[int | None]:
    return {partition.lag for partition in of.status(datetime.now(UTC)).partitions}


def running(of: Feeder) -> set[int]:
    return {p.partition for p in of.status(datetime.now(UTC)).partitions if p.state == State.RUNNING}


def test_a_locked_partition_waits_and_the_others_go_on(tmp_path: Path, topic: str) -> None:
    produce(topic, events(0, 300))
    lock = FileLock(PartitionPaths(tmp_path, topic, 0).lock, datetime.now(UTC))
    with feeder(tmp_path, topic) as alone:
        step_until(lambda: len(running(alone)) >= 3 and 0 not in running(alone), alone)
        before = {offset for partition, offset in stored_offsets(tmp_path, topic) if partition == 0}
        assert not before
        lock.release()
        step_until(lambda: 0 in running(alone) and alone.at_end(), alone)
    assert stored_ids(tmp_path, topic) == ids(300)


def test_the_heartbeat_tells_rows_lag_and_partitions(tmp_path: Path, topic: str) -> None:
    produce(topic, events(0, 200))
    with feeder(tmp_path, topic) as alone:
        step_until(lambda: alone.status(datetime.now(UTC)).rows == 200, alone)
        step_until(lambda: sum(beat.rows for beat in live_heartbeats(tmp_path, topic, datetime.now(UTC))) == 200, alone)
        (beat,) = live_heartbeats(tmp_path, topic, datetime.now(UTC))
        assert {partition.lag for partition in beat.partitions} == {0}
        assert sum(partition.next_offset for partition in beat.partitions) == 200
        assert not live_heartbeats(tmp_path, topic, datetime.now(UTC) + timedelta(minutes=1))


@on_real_kafka
def test_a_topic_that_is_behind_its_checkpoint_is_refused(tmp_path: Path, topic: str) -> None:
    """As after the topic was deleted and made again."""
    produce(topic, events(0, 10))
    with feeder(tmp_path, topic) as alone:
        step_until(lambda: 0 in running(alone), alone)
    writer = open_partition(PartitionPaths(tmp_path, topic, 0), QUICK, datetime.now(UTC))
    writer.skip_to(writer.next_offset + 1000, datetime.now(UTC))
    writer.release()
    with pytest.raises(StoreDamagedError, match="deleted and made again"):
        drain(tmp_path, topic)


def test_offsets_that_retention_removed_are_recorded(tmp_path: Path, real_kafka: str, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    topic = make_topic()
    produce(topic, events(0, 100))
    start = TopicPartition(topic, 0, 60)
    admin = AdminClient(client_config())
    admin.delete_records([start])[start].result(timeout=PATIENCE)
    assert drain(tmp_path, topic) == 40
    checkpoint = read_checkpoint(PartitionPaths(tmp_path, topic, 0).checkpoint)
    assert checkpoint is not None
    assert [(gap.start, gap.end) for gap in checkpoint.gaps] == [(0, 60)]


def test_the_new_group_protocol_works(tmp_path: Path, real_kafka: str, settings: Settings) -> None:
    """KIP-848: the broker assigns the partitions."""
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    settings.KAFKA_CLIENT_CONFIG = {"group.protocol": "consumer"}
    topic = make_topic()
    produce(topic, events(0, 200))
    assert drain(tmp_path, topic) == 200
    assert [segment.last_offset for segment in closed_segments(tmp_path, topic)] == [199]
