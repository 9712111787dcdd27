import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from pytest_django import Settings

from brokerlytics.topics import EnsuredTopic, TopicError, TopicSpec, ensure_topic
from tests.conftest import free_ports
from tests.waiting import PATIENCE


def test_a_new_topic_is_created_once(kafka: str, request: pytest.FixtureRequest) -> None:
    name = f"topics-{request.node.callspec.id}"
    partitions = 6 if request.node.callspec.id == "real" else 4
    spec = TopicSpec(name, 6, 7, 1)
    assert ensure_topic(spec) == EnsuredTopic(name, partitions, created=True)
    assert ensure_topic(spec) == EnsuredTopic(name, partitions, created=False)
    assert name in AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=PATIENCE).topics


def test_retention_is_set(real_kafka: str, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    ensure_topic(TopicSpec("retention", 1, 3, 1))
    resource = ConfigResource(ResourceType.TOPIC, "retention")
    client = AdminClient({"bootstrap.servers": real_kafka})
    config = client.describe_configs([resource])[resource].result()
    assert config["retention.ms"].value == str(3 * 24 * 60 * 60 * 1000)


def test_three_replicas_need_two_in_sync() -> None:
    assert TopicSpec("t", 6, 7, 3).config["min.insync.replicas"] == "2"
    assert "min.insync.replicas" not in TopicSpec("t", 6, 7, 1).config


def test_a_refusal_is_told(real_kafka: str, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    with pytest.raises(TopicError, match=r"did not make the topic refused: .*replication"):
        ensure_topic(TopicSpec("refused", 1, 7, 3))


def test_a_broker_that_is_away_is_told_with_its_address(settings: Settings) -> None:
    address = f"127.0.0.1:{free_ports(1)}"
    settings.KAFKA_BOOTSTRAP_SERVERS = address
    with pytest.raises(TopicError, match=f"No Kafka broker answers at {address}"):
        ensure_topic(TopicSpec("t", 6, 7, 1), timeout=1.0)
