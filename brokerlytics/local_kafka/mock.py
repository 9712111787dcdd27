"""librdkafka's in-process mock cluster, to try things out on a machine that cannot run Kafka."""

from confluent_kafka import Producer


class MockKafka:
    """A cluster of one broker in this process's memory: about 5 MB a partition, gone when the process ends.

    It has no controller, creates topics when they are asked for, with 4 partitions, and forgets the oldest
    records beyond its memory.
    """

    def __init__(self) -> None:
        # The mock replaces the address; without one librdkafka warns. Level 3 leaves its notice about that out.
        self._client = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 3})
        broker = next(iter(self._client.list_topics(timeout=10.0).brokers.values()))
        self.host: str = broker.host
        self.port: int = broker.port

    @property
    def bootstrap_servers(self) -> str:
        return f"{self.host}:{self.port}"
