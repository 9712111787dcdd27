"""A feeder on a real broker stores events of some days while maintenance merges and compresses those days."""

import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message, Producer

from feeder_app.maintenance.plan import Compression, MaintenancePolicy
from tests.feeder.day_builder import run_maintenance
from tests.feeder.support import stored_rows
from tests.waiting import PATIENCE
from torture.feeders import Feeders

EVENTS = 8_000
# Days that maintenance has rewritten beside the feeder; where that is slow there are more events.
REWRITES = 4
MOST_EVENTS = 60_000
POLICY = MaintenancePolicy(grace=timedelta(seconds=0.2))


class LateLoad:
    """Events with the times of the last three days, some late: each hundred is of another day."""

    def __init__(self, servers: str, topic: str) -> None:
        self.acknowledged: list[str] = []
        self._producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
        self._topic = topic
        self._next = 0

    def produce(self, count: int) -> None:
        now = datetime.now(UTC)
        for number in range(self._next, self._next + count):
            days_ago = (3, 2, 3, 1)[number // 100 % 4]
            value = json.dumps({"event_id": f"e{number}", "event_type": "VIEW", "device_id": f"d{number % 40}"})
            at = int((now - timedelta(days=days_ago)).timestamp() * 1000)
            self._producer.produce(self._topic, value, f"d{number % 40}", timestamp=at, on_delivery=self._delivered)
        self._next += count
        assert self._producer.flush(PATIENCE) == 0

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged.append(json.loads(message.value() or b"")["event_id"])


@pytest.mark.parametrize("kafka", ["real"], indirect=True)
def test_what_is_acknowledged_is_stored_once(feeders: Feeders, kafka: str, topic: str) -> None:
    load, said = LateLoad(kafka, topic), ""
    feeder = feeders.start("g", "--roll-bytes", "5000", "--roll-age", "0.5")
    number = 0
    while len(load.acknowledged) < EVENTS or (said.count("become") < REWRITES and number * 500 < MOST_EVENTS):
        load.produce(500)
        number += 1
        time.sleep(0.2)
        compression: Compression = "zstd" if number % 5 == 0 else "none"
        said += run_maintenance(feeders.store, replace(POLICY, compression=compression), datetime.now(UTC))
    assert feeder.stop() == 0, feeder.log
    assert feeders.drain().returncode == 0
    assert said.count("become") >= REWRITES
    said = run_maintenance(feeders.store, POLICY, datetime.now(UTC))
    rows = stored_rows(feeders.store, topic)
    assert Counter(row["event_id"] for row in rows) == Counter(load.acknowledged)
    assert len(rows) == len({(row["_partition"], row["_offset"]) for row in rows}) == len(load.acknowledged)
    assert_each_partition_is_whole(feeders.store, rows)


def assert_each_partition_is_whole(store: Path, rows: list[dict[str, str]]) -> None:
    assert not list(store.glob("state/*/*.open"))
    for partition in {row["_partition"] for row in rows}:
        offsets = sorted(int(row["_offset"]) for row in rows if row["_partition"] == partition)
        assert offsets == list(range(len(offsets)))
