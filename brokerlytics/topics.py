"""The topic that the events travel through."""

import time
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic
from django.conf import settings

from brokerlytics.kafka import client_config

_POLL_INTERVAL: Final = 0.1


class TopicError(Exception):
    """The topic is not there and could not be made; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic is created with: `retention_days` is how long the cluster keeps an event."""

    name: str
    partitions: int
    retention_days: int
    replication_factor: int

    @property
    def config(self) -> dict[str, str]:
        config = {"retention.ms": str(self.retention_days * 24 * 60 * 60 * 1000)}
        if self.replication_factor >= 3:
            # With acks=all, an event that was acknowledged is on two brokers at least.
            config["min.insync.replicas"] = "2"
        return config


@dataclass(frozen=True, slots=True)
class EnsuredTopic:
    """A topic that exists, with its number of partitions; `created` when this call made it."""

    name: str
    partitions: int
    created: bool


def events_topic() -> TopicSpec:
    """The topic of the events, as the settings want it."""
    return TopicSpec(
        name=settings.KAFKA_TOPIC,
        partitions=settings.KAFKA_PARTITIONS,
        retention_days=settings.KAFKA_RETENTION_DAYS,
        replication_factor=settings.KAFKA_REPLICATION_FACTOR,
    )


def describe(spec: TopicSpec, ensured: EnsuredTopic) -> str:
    """One line for the operator on what became of the topic."""
    done = "created" if ensured.created else "exists"
    line = f"Topic {ensured.name} {done} with {ensured.partitions} partitions."
    if ensured.partitions != spec.partitions:
        line += f" KAFKA_PARTITIONS says {spec.partitions}: nothing is changed."
    return line


def ensure_topic(spec: TopicSpec, timeout: float = 15.0) -> EnsuredTopic:
    """Create the topic unless it exists; one that exists stays as it is.

    Returns when the cluster knows the topic's partitions. Raises TopicError after `timeout` seconds without
    an answer, or when the cluster refuses.
    """
    deadline = time.monotonic() + timeout
    client = AdminClient({**client_config(), "log_level": 0})
    cluster = _metadata(client, deadline)
    existing = _partitions(cluster, spec.name)
    # librdkafka's mock cluster has no controller to ask: it makes a topic when asked for its metadata.
    if not existing and cluster.controller_id in cluster.brokers:
        _create(client, spec, timeout)
    while not (partitions := _partitions(_metadata(client, deadline, spec.name), spec.name)):
        if time.monotonic() > deadline:
            raise TopicError(f"The cluster did not make the topic {spec.name} within {timeout:.0f} seconds.")
        time.sleep(_POLL_INTERVAL)
    return EnsuredTopic(spec.name, partitions, created=not existing)


class TopicIdentity:
    """Asks the cluster what tells the topic from another of the same name, before or after it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._client: AdminClient | None = None
        self._is_known = False

    def ask(self, timeout: float = 5.0) -> str | None:
        """The topic's id; None where the cluster gives none.

        Raises KafkaException when the cluster does not answer, or does not have the topic.
        """
        if self._client is None:
            client = AdminClient({**client_config(), "log_level": 0})
            cluster = client.list_topics(self._name, timeout=timeout)
            # librdkafka's mock cluster has no controller that could be asked.
            self._client, self._is_known = client, cluster.controller_id in cluster.brokers
        if not self._is_known:
            return None
        asked = self._client.describe_topics(TopicCollection([self._name]), request_timeout=timeout)
        return str(asked[self._name].result().topic_id)


def _metadata(client: AdminClient, deadline: float, topic: str | None = None) -> ClusterMetadata:
    try:
        # At least a moment, so that a deadline that has just passed is told by what comes of it.
        return client.list_topics(topic, timeout=max(1.0, deadline - time.monotonic()))
    except KafkaException as error:
        servers = client_config()["bootstrap.servers"]
        raise TopicError(f"No Kafka broker answers at {servers}: {_reason(error)}.") from None


def _create(client: AdminClient, spec: TopicSpec, timeout: float) -> None:
    topic = NewTopic(spec.name, spec.partitions, spec.replication_factor, config=spec.config)
    try:
        client.create_topics([topic], operation_timeout=timeout, request_timeout=timeout)[spec.name].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise TopicError(f"The cluster did not make the topic {spec.name}: {_reason(error)}.") from None


def _partitions(cluster: ClusterMetadata, topic: str) -> int:
    metadata = cluster.topics.get(topic)
    return len(metadata.partitions) if metadata and metadata.error is None else 0


def _reason(error: KafkaException) -> str:
    return str(error.args[0].str()).rstrip(".")
