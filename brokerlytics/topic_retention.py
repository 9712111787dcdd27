"""How long the topic keeps its records."""

from datetime import timedelta

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from brokerlytics.kafka import client_config
from brokerlytics.topics import TopicError


def topic_retention(topic: str, timeout: float = 5.0) -> timedelta | None:
    """What the cluster says; None when it keeps them for ever. Raises TopicError when it does not say."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    client = AdminClient({**client_config(), "log_level": 0})
    try:
        config = client.describe_configs([resource], request_timeout=timeout)[resource].result(timeout)
    except (KafkaException, TimeoutError) as error:
        raise TopicError(f"Kafka does not say how long it keeps the records of {topic}.") from error
    milliseconds = int(config["retention.ms"].value)
    return timedelta(milliseconds=milliseconds) if milliseconds >= 0 else None
