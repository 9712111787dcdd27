"""Brokers that die under load: what they acknowledged is stored, once."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from pytest_django import Settings

from brokerlytics.local_kafka.broker import LocalKafka
from brokerlytics.topics import ensure_topic
from tests.conftest import JARS, free_ports
from tests.waiting import PATIENCE
from torture.audit import audit
from torture.brokers import Cluster
from torture.feeders import Feeders, clean_environment
from torture.load import Load


@pytest.fixture
def cluster(tmp_path: Path, settings: Settings, request: pytest.FixtureRequest, real_kafka: str) -> Iterator[Cluster]:
    """A cluster of its own, with as many nodes as the test says."""
    del real_kafka  # It skips where Kafka cannot run.
    with Cluster(tmp_path / "kafka", request.param, free_ports(2 * request.param), JARS).running() as running:
        settings.KAFKA_BOOTSTRAP_SERVERS = running.servers
        yield running


def feeders_on(cluster: Cluster, topic: str, home: Path) -> Feeders:
    ensure_topic(cluster.topic(topic), timeout=PATIENCE)
    home.mkdir()
    return Feeders(clean_environment(home, cluster.servers, topic), home, SLOW_DISK="1")


@pytest.mark.parametrize("cluster", [1], indirect=True)
def test_a_broker_is_killed_and_comes_back(cluster: Cluster, tmp_path: Path) -> None:
    (broker,) = cluster.nodes
    with feeders_on(cluster, "events", tmp_path / "feeders") as feeders:
        load = Load(cluster.servers, "events", seed=1)
        with load.running():
            feeder = feeders.start()
            feeders.wait_for_work(feeder, 500)
            broker.kill()
            feeder.wait_for_log("Connection refused")
            broker.start()
            broker.wait_ready(Event())
            feeder = feeders.work_on(feeder, 1500)
        assert feeder.stop() == 0, feeder.log
        assert feeders.drain().returncode == 0
        assert audit(feeders.store, "events", load.acknowledged).problems == []


def lose_leader(cluster: Cluster, leader: LocalKafka) -> None:
    """Its followers hear nothing of what it takes for a moment; then it dies, and one of them leads."""
    followers = [node for node in cluster.nodes if node is not leader]
    for node in followers:
        node.signal(signal.SIGSTOP)
    time.sleep(1.5)
    leader.kill()
    for node in followers:
        node.signal(signal.SIGCONT)


@pytest.mark.parametrize("cluster", [3], indirect=True)
def test_a_cluster_loses_its_leader_under_load(cluster: Cluster, tmp_path: Path) -> None:
    """Three nodes, two of which have what is acknowledged. The control: acknowledged by one of them is not enough."""
    with (
        feeders_on(cluster, "events", tmp_path / "feeders") as feeders,
        feeders_on(cluster, "control", tmp_path / "control") as others,
    ):
        load = Load(cluster.servers, "events", seed=1, rate=300)
        control = Load(cluster.servers, "control", seed=2, rate=300, acks="1")
        with load.running(), control.running():
            feeder = feeders.start()
            feeders.wait_for_work(feeder, 300)
            leader = cluster.leader("control", 0)
            lose_leader(cluster, leader)
            feeder = feeders.work_on(feeder, 600)
            leader.start()
            leader.wait_ready(Event())
            feeder = feeders.work_on(feeder, 300)
        assert feeder.stop() == 0, feeder.log
        assert feeders.drain().returncode == 0
        assert audit(feeders.store, "events", load.acknowledged).problems == []
        assert others.drain().returncode == 0
        assert audit(others.store, "control", control.acknowledged).lost > 0
