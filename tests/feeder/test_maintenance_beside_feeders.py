"""A feeder on a real broker stores events of some days while maintenance merges and compresses those days.

Beside them all that reads the store reads it, without a pause: nothing is missing or wrong at any moment.
"""

import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from confluent_kafka import KafkaError, Message, Producer

from brokerlytics.store_size import store_sizes
from dashboard_app.index.builder import IndexBuilder
from dashboard_app.index.following import bring_up_to_date
from dashboard_app.reading.committed import CommittedStore, looking_again
from dashboard_app.reading.scratch import ScratchDirectory
from feeder_app.export import ExportFilter, export_rows
from feeder_app.maintenance.plan import Compression, MaintenancePolicy
from feeder_app.verify.service import VerifyOptions, verify_store
from tests.feeder.day_builder import run_maintenance
from tests.feeder.support import stored_rows
from tests.waiting import PATIENCE
from torture.feeders import Feeders

EVENTS = 8_000
# Days that maintenance has rewritten beside the feeder, and looks at the store. Where that is slow there are more
# events.
REWRITES = 4
LOOKS = 3
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


class Onlooker:
    """Verifies, counts by way of an index, and exports; `wrong` is what it found, `looks` how often it was through."""

    def __init__(self, root: Path, topic: str, scratch: ScratchDirectory) -> None:
        self.wrong: list[str] = []
        self.looks = 0
        self._root, self._topic = root, topic
        self._committed = CommittedStore(root, topic, scratch)
        self._builder = IndexBuilder(root, topic, scratch, lambda *_: None)
        self._rows = 0

    def look(self) -> None:
        for account in verify_store(VerifyOptions(self._root, self._topic), lambda _: None):
            self.wrong += account.findings.texts()
        bring_up_to_date(self._builder, lambda: False)
        for count in (looking_again(self._count), self._export()):
            if count < self._rows:
                self.wrong.append(f"{count} rows after {self._rows}")
            self._rows = count
        store_sizes(self._root, self._topic)
        self.looks += 1

    def _count(self) -> int:
        with self._committed.look() as look, self._committed.rows(look) as connection:
            return int(connection.execute("SELECT count(DISTINCT (_partition, _offset)) FROM events").fetchall()[0][0])

    def _export(self) -> int:
        return export_rows(self._root, self._topic, ExportFilter(raw=True), io.StringIO(), lambda _: None)


@contextmanager
def looking_on(root: Path, topic: str, scratch: Path) -> Iterator[Onlooker]:
    """It looks from now on, to the end of a last look. Fails with whatever ended it."""
    onlooker, stop = Onlooker(root, topic, ScratchDirectory(scratch)), Event()

    def look() -> None:
        while not stop.is_set():
            onlooker.look()

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(look)
        try:
            yield onlooker
        finally:
            stop.set()
        looking.result()


@pytest.mark.parametrize("kafka", ["real"], indirect=True)
def test_what_is_acknowledged_is_stored_once(feeders: Feeders, kafka: str, topic: str, tmp_path: Path) -> None:
    load, said = LateLoad(kafka, topic), ""
    feeder = feeders.start("g", "--roll-bytes", "5000", "--roll-age", "0.5")
    number = 0
    with looking_on(feeders.store, topic, tmp_path / "scratch") as onlooker:
        while len(load.acknowledged) < EVENTS or (
            (said.count("become") < REWRITES or onlooker.looks < LOOKS) and number * 500 < MOST_EVENTS
        ):
            load.produce(500)
            number += 1
            time.sleep(0.2)
            compression: Compression = "zstd" if number % 5 == 0 else "none"
            said += run_maintenance(feeders.store, replace(POLICY, compression=compression), datetime.now(UTC))
        assert feeder.stop() == 0, feeder.log
        assert feeders.drain().returncode == 0
    assert onlooker.wrong == []
    assert onlooker.looks >= LOOKS
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
