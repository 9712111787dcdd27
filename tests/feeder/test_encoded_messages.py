"""Messages that never come through the Python client: everything that moves a partition while some of them wait."""

import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest
from confluent_kafka import TopicPartition

from brokerlytics.event_codec import build_event, encode_event
from brokerlytics.heartbeat import State
from brokerlytics.native.librdkafka import ClientReader
from brokerlytics.native.librdkafka import kafka as librdkafka
from brokerlytics.store import PartitionPaths
from feeder_app.consumer import make_consumer
from feeder_app.feeder import Feeder
from feeder_app.locking import FileLock
from feeder_app.row_buffer import RowBuffer
from tests.feeder.support import stored_rows
from tests.feeder.test_feeder import drain, events, feeder, ids, on_real_kafka, produce, running, step_until, stored_ids

COUNT = 30_000
pytestmark = on_real_kafka


def plain(start: int, count: int) -> list[bytes]:
    """As our producer writes them."""
    now = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)
    return [
        encode_event(build_event({"event_type": "VIEW", "device_id": f"d{n % 50}"}, event_id=f"e{n}", received_on=now))
        for n in range(start, start + count)
    ]


@pytest.fixture
def _one_way() -> Iterator[None]:
    """A message that comes through the client fails the test, as does an event that C does not encode.

    Leading a partition takes its time, so that messages would come through the client if that came too late.
    """
    if librdkafka() is None:
        pytest.skip("the library is not compiled")
    lead_here = ClientReader.lead_here

    def slowly(reader: ClientReader, topic: str, partition: int) -> None:
        time.sleep(0.1)
        lead_here(reader, topic, partition)

    with (
        patch.object(ClientReader, "lead_here", slowly),
        patch("feeder_app.consumer.records_of", side_effect=AssertionError("it came through the client")),
        patch.object(RowBuffer, "_append_one", side_effect=AssertionError("it was not plain")),
    ):
        yield


def complete(root: Path, topic: str) -> bool:
    """Whether each offset of each partition has one row."""
    by_partition: dict[str, list[int]] = {}
    for row in stored_rows(root, topic):
        by_partition.setdefault(row["_partition"], []).append(int(row["_offset"]))
    return all(offsets == [*range(len(offsets))] for offsets in map(sorted, by_partition.values()))


def of(running_: Feeder) -> int:
    """How many records it has taken, committed or not."""
    return sum(assigned.position().offset for assigned in running_._assigned.values())


@pytest.mark.usefixtures("_one_way")
def test_partitions_are_handed_over_and_back_while_messages_wait(tmp_path: Path, topic: str) -> None:
    produce(topic, plain(0, COUNT))
    with feeder(tmp_path, topic, "one") as first:
        step_until(lambda: 0 < of(first) < COUNT, first)
        with feeder(tmp_path, topic, "two") as second:
            step_until(lambda: bool(running(first)) and bool(running(second)), first, second)
            produce(topic, plain(COUNT, COUNT))
            step_until(lambda: second.status(datetime.now(UTC)).rows > 0, first, second)
        step_until(lambda: of(first) == 2 * COUNT, first)
    assert stored_ids(tmp_path, topic) == ids(2 * COUNT)
    assert complete(tmp_path, topic)


@pytest.mark.usefixtures("_one_way")
def test_a_partition_that_is_begun_again_goes_the_same_way(tmp_path: Path, topic: str) -> None:
    """It is paused, unassigned and assigned, with messages in the queue, as after retention overtook the feeder."""
    produce(topic, plain(0, COUNT))
    lock = FileLock(PartitionPaths(tmp_path, topic, 1).lock, datetime.now(UTC))
    with feeder(tmp_path, topic) as alone:
        step_until(lambda: of(alone) > 0, alone)
        for number in (0, 2):
            alone._pause(alone._assigned[number], State.WAITING, datetime.now(UTC))
        lock.release()
        step_until(lambda: of(alone) == COUNT, alone)
    assert stored_ids(tmp_path, topic) == ids(COUNT)
    assert complete(tmp_path, topic)


@pytest.mark.usefixtures("_one_way")
def test_a_partition_that_stood_still_goes_on_behind_what_it_has(tmp_path: Path, topic: str) -> None:
    """As on a full disk: paused and resumed, and what was fetched ahead is fetched again."""
    produce(topic, plain(0, COUNT))
    with feeder(tmp_path, topic) as alone:
        step_until(lambda: of(alone) > 0, alone)
        stalled = [one for one in alone._assigned.values() if one.position().offset > one.committed().offset]
        assert stalled
        for assigned in stalled:
            alone._pause(assigned, State.STALLED, datetime.now(UTC))
        step_until(lambda: of(alone) == COUNT, alone)
    assert stored_ids(tmp_path, topic) == ids(COUNT)
    assert complete(tmp_path, topic)


def test_both_ways_give_the_same_rows(tmp_path: Path, topic: str) -> None:
    values = [*plain(0, 300), *events(300, 300), *plain(0, 20), b"junk"]
    produce(topic, values)
    assert drain(tmp_path / "encoded", topic) == 600
    with patch("feeder_app.consumer.kafka", return_value=None):
        assert drain(tmp_path / "by the rules", topic) == 600
    one, other = (
        sorted(stored_rows(tmp_path / name, topic), key=lambda row: (row["_partition"], int(row["_offset"])))
        for name in ("encoded", "by the rules")
    )
    assert one == other


def test_a_consumer_that_nobody_closes_goes_with_its_messages(topic: str) -> None:
    produce(topic, events(0, COUNT))
    consumer = make_consumer(uuid4().hex, uuid4().hex, report_ends=False)
    consumer.subscribe([topic], on_assign=lambda it, given: it.incremental_assign(_from_start(given)))
    while not any(consumer.take(0.2)):
        pass
    del consumer
    gc.collect()


def _from_start(partitions: list[TopicPartition]) -> list[TopicPartition]:
    for partition in partitions:
        partition.offset = 0
    return partitions
