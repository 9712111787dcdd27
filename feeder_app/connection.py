"""Whether the consumer can still reach Kafka. librdkafka can lose its brokers for good, as when a cluster
of one node is restarted and says for a moment that it has none, while everybody else finds them."""

from datetime import datetime, timedelta
from typing import Final

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from brokerlytics.kafka import client_config
from feeder_app.errors import ConnectionLostError
from feeder_app.policies import is_due

CHECK_INTERVAL: Final = timedelta(seconds=10)
LOST_AFTER: Final = timedelta(seconds=60)
_ASK_TIMEOUT: Final = 1.0
_OTHER_TIMEOUT: Final = 10.0


class ConnectionWatch:
    """Asks Kafka for something small now and then. A broker that is away for everybody is waited for."""

    def __init__(self, consumer: Consumer, topic: str, now: datetime) -> None:
        self._consumer = consumer
        self._topic = topic
        self._reached_at = now
        self._next_check = now + CHECK_INTERVAL

    def heard(self, now: datetime) -> None:
        """A message came: no need to ask."""
        self._reached_at = now
        self._next_check = now + CHECK_INTERVAL

    def check_if_due(self, now: datetime) -> None:
        """Raises ConnectionLostError when another client reaches Kafka and this one has not for LOST_AFTER."""
        if not is_due(now, self._next_check, CHECK_INTERVAL):
            return
        self._next_check = now + CHECK_INTERVAL
        if _answers(self._consumer, self._topic, _ASK_TIMEOUT):
            self._reached_at = now
        elif is_due(now, self._reached_at + LOST_AFTER, LOST_AFTER):
            # It asks for no topic by name, which on some clusters would make one.
            if _answers(AdminClient(client_config()), None, _OTHER_TIMEOUT):
                raise ConnectionLostError(
                    "This consumer does not find Kafka any more, which answers others. Start again."
                )
            self._reached_at = now


def _answers(client: Consumer | AdminClient, topic: str | None, timeout: float) -> bool:
    try:
        client.list_topics(topic, timeout=timeout)
    except KafkaException:
        return False
    return True
