"""What Prometheus reads from a feeder, over HTTP, from feeders on a real broker."""

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings
from rich.console import Console

from brokerlytics.checkpoint import ActiveSegment, Checkpoint, Gap
from brokerlytics.heartbeat import Heartbeat, PartitionStatus, State
from brokerlytics.kafka import client_config
from feeder_app.errors import FeederError
from feeder_app.metrics import count_commit
from feeder_app.metrics_server import MetricsAddress, StatusCollector, metrics_server
from feeder_app.progress import Progress
from feeder_app.service import ServiceOptions, run_feeder
from tests.conftest import free_ports
from tests.feeder.support import START, paths
from tests.feeder.test_feeder import QUICK, drain, events, feeder, make_topic, produce, step_until
from tests.waiting import PATIENCE

NOW = datetime(2026, 8, 22, 12, tzinfo=UTC)
Samples = dict[str, float]


@pytest.fixture
def real_topic(real_kafka: str, settings: Settings) -> str:
    """A fresh topic with one partition on the real broker."""
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    return make_topic()


@pytest.fixture
def server() -> Iterator[tuple[StatusCollector, MetricsAddress]]:
    address = MetricsAddress("127.0.0.1", free_ports(1))
    collector = StatusCollector("group-1")
    with metrics_server(address, collector):
        yield collector, address


def scrape(address: MetricsAddress, topic: str) -> Samples:
    """Every sample of `topic`, by its name and its labels other than topic and partition 0."""
    text = httpx.get(f"http://{address.host}:{address.port}/metrics", timeout=PATIENCE, trust_env=False).text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("topic") == topic and sample.labels.get("partition") == "0":
                rest = ",".join(value for name, value in sample.labels.items() if name not in ("topic", "partition"))
                found[f"{sample.name} {rest}".strip().removeprefix("brokerlytics_feeder_")] = sample.value
    return found


def test_the_numbers_are_those_of_the_store(
    tmp_path: Path, real_topic: str, server: tuple[StatusCollector, MetricsAddress]
) -> None:
    produce(real_topic, [*events(0, 500), *events(0, 20), b"junk", b"junk", b'{"event_type": 7}'])
    drain(tmp_path, real_topic)
    found = scrape(server[1], real_topic)
    assert found["rows_total"] == 500
    assert found["duplicates_total"] == 20
    assert found["dead_letters_total not_json"] == 2
    assert sum(value for name, value in found.items() if name.startswith("dead_letters_total")) == 3
    assert found["bytes_total"] == sum(path.stat().st_size for path in tmp_path.glob("data/*/*.csv"))
    assert found["commits_total"] >= 1
    assert found["segments_closed_total"] == 1
    assert "gaps_total" not in found


def test_commits_and_fsyncs_are_timed(
    tmp_path: Path, real_topic: str, server: tuple[StatusCollector, MetricsAddress]
) -> None:
    names = ["commit_seconds_count", *(f'fsync_seconds_count{{file="{file}"}}' for file in ("data", "checkpoint"))]

    def counts() -> list[float]:
        text = httpx.get(f"http://127.0.0.1:{server[1].port}/metrics", timeout=PATIENCE, trust_env=False).text
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return [float(lines[f"brokerlytics_feeder_{name}"]) for name in names]

    before = counts()
    produce(real_topic, events(0, 10))
    drain(tmp_path, real_topic)
    assert all(after > earlier for earlier, after in zip(before, counts(), strict=True))


def test_lag_state_and_newest_event_follow_the_feeder(
    tmp_path: Path, real_topic: str, server: tuple[StatusCollector, MetricsAddress]
) -> None:
    collector, address = server
    produce(real_topic, events(0, 30))
    with feeder(tmp_path, real_topic) as running:
        step_until(running.at_end, running)
        step_until(lambda: running.status(NOW).rows == 30, running)
        collector.show(running.status(datetime.now(UTC)))
        found = scrape(address, real_topic)
        assert found["kafka_consumergroup_lag group-1"] == 0
        assert found["next_offset"] == 30
        assert (found["partition_state running"], found["partition_state stalled"]) == (1, 0)
        assert found["last_event_timestamp_seconds"] == newest_record(real_topic).timestamp()
        # More arrives than is committed: the lag is what the store lacks.
        produce(real_topic, events(30, 12))
        step_until(lambda: lag_of(running.status(NOW)) == 12 or running.status(NOW).rows == 42, running)
    collector.show(running.status(datetime.now(UTC)))
    assert "partition_state running" not in scrape(address, real_topic)


def test_a_running_feeder_serves_its_own_lag(tmp_path: Path, real_topic: str) -> None:
    produce(real_topic, events(0, 25))
    address = MetricsAddress("127.0.0.1", free_ports(1))
    options = ServiceOptions(
        root=tmp_path, topic=real_topic, group=f"g-{real_topic}", until_end=False, policy=QUICK, metrics=address
    )
    deadline = time.monotonic() + PATIENCE
    found: Samples = {}

    def stopped() -> bool:
        found.update(scrape(address, real_topic))
        return found.get("next_offset") == 25 or time.monotonic() > deadline

    run_feeder(options, stopped, Progress(Console(file=io.StringIO())))
    assert found[f"kafka_consumergroup_lag g-{real_topic}"] == 0
    assert found["rows_total"] == 25


def lag_of(status: Heartbeat) -> int | None:
    return status.partitions[0].lag if status.partitions else None


def newest_record(topic: str) -> datetime:
    """When the last record came to partition 0, by the broker."""
    consumer = Consumer(client_config(group_id="test"))
    last = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE)[1] - 1
    consumer.assign([TopicPartition(topic, 0, last)])
    messages = consumer.consume(1, PATIENCE)
    consumer.close()
    return datetime.fromtimestamp(messages[0].timestamp()[1] / 1000, UTC)


def test_a_lag_that_is_unknown_is_not_told_as_none(server: tuple[StatusCollector, MetricsAddress]) -> None:
    status = PartitionStatus(partition=0, next_offset=5, lag=None, state=State.STALLED, moved_at=NOW)
    heartbeat = Heartbeat(
        feeder="f", host="h", pid=1, topic="t", beat_at=NOW, started_at=NOW, rows=0, partitions=(status,)
    )
    server[0].show(heartbeat)
    found = scrape(server[1], "t")
    assert found["partition_state stalled"] == 1
    assert "kafka_consumergroup_lag group-1" not in found


def test_a_lost_range_counts_and_the_start_of_a_new_store_does_not(
    tmp_path: Path, server: tuple[StatusCollector, MetricsAddress]
) -> None:
    new, began = Checkpoint(), Checkpoint(next_offset=100, gaps=(Gap(start=0, end=100),))
    lost = Checkpoint(next_offset=150, gaps=(*began.gaps, Gap(start=100, end=150)))
    before = scrape(server[1], "events")
    count_commit(paths(tmp_path), new, began)
    count_commit(paths(tmp_path), began, lost)
    after = scrape(server[1], "events")
    assert after["gaps_total"] - before.get("gaps_total", 0) == 1
    assert after["lost_offsets_total"] - before.get("lost_offsets_total", 0) == 50


def test_the_bytes_of_a_commit_are_what_its_segment_grew_by(
    tmp_path: Path, server: tuple[StatusCollector, MetricsAddress]
) -> None:
    def active(name: str, size: int) -> ActiveSegment:
        return ActiveSegment(
            name=name, first_offset=0, committed_bytes=size, date="2026-08-22", opened_at=START, csv_version=1
        )

    steps = [Checkpoint(next_offset=n + 1, active=active(*on)) for n, on in enumerate([("a", 10), ("a", 25), ("b", 7)])]
    before = scrape(server[1], "events").get("bytes_total", 0)
    for earlier, later in zip([Checkpoint(), *steps], steps, strict=False):
        count_commit(paths(tmp_path), earlier, later)
    assert scrape(server[1], "events")["bytes_total"] - before == 25 + 7


def test_a_port_that_is_taken_is_told(server: tuple[StatusCollector, MetricsAddress]) -> None:
    port = server[1].port
    with (
        pytest.raises(FeederError, match=rf"No metrics at 127.0.0.1:{port}: .*in use.*--metrics-port"),
        metrics_server(server[1], StatusCollector("other")),
    ):
        pytest.fail("two servers on one port")


def test_the_port_is_free_again_when_the_feeder_ends() -> None:
    address = MetricsAddress("127.0.0.1", free_ports(1))
    for _ in range(2):
        with metrics_server(address, StatusCollector("g")):
            assert (
                httpx.get(f"http://127.0.0.1:{address.port}/metrics", timeout=PATIENCE, trust_env=False).status_code
                == 200
            )
