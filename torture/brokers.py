"""Kafka clusters of one node or three, whose nodes can be killed, frozen and brought back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from confluent_kafka.admin import AdminClient

from brokerlytics.local_kafka.broker import LocalKafka, new_cluster_id
from brokerlytics.topics import TopicSpec

# A member of a group that is frozen or gone is missed within seconds.
QUICK_GROUPS = {
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "500",
}
# A node as well.
_QUICK_NODES = {"broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "500"}
PARTITIONS = 6


class Cluster:
    """`nodes` on loopback; the first uses `port` and the one after it, the next ones follow."""

    def __init__(self, home: Path, nodes: int, port: int, jars: Path) -> None:
        ports = [port + 2 * number for number in range(nodes)]
        cluster_id = new_cluster_id()
        self.nodes = [
            LocalKafka(
                home / f"node-{number}", own, jars, QUICK_GROUPS | _QUICK_NODES | _of_several(number, ports), cluster_id
            )
            for number, own in enumerate(ports)
        ]
        self.servers = ",".join(node.bootstrap_servers for node in self.nodes)

    @contextmanager
    def running(self) -> Iterator["Cluster"]:
        # A broker ends with the thread that started it.
        with ThreadPoolExecutor() as pool:
            try:
                list(pool.map(LocalKafka.start, self.nodes))
                for node in self.nodes:
                    node.wait_ready(Event())
                yield self
            finally:
                for node in self.nodes:
                    node.kill()

    def topic(self, name: str) -> TopicSpec:
        """On a cluster of three: replication 3, and an acknowledged event is on two of them."""
        return TopicSpec(name, PARTITIONS, 7, len(self.nodes))

    def leader(self, topic: str, partition: int) -> LocalKafka:
        cluster = AdminClient({"bootstrap.servers": self.servers, "log_level": 0}).list_topics(topic, timeout=30)
        return self.nodes[cluster.topics[topic].partitions[partition].leader - 1]


def _of_several(number: int, ports: list[int]) -> dict[str, str]:
    if len(ports) == 1:
        return {}
    voters = [f"{index}@127.0.0.1:{port + 1}" for index, port in enumerate(ports, start=1)]
    return {
        "node.id": str(number + 1),
        "controller.quorum.voters": ",".join(voters),
        "controlled.shutdown.enable": "true",
        "offsets.topic.replication.factor": "3",
        "transaction.state.log.replication.factor": "3",
        "transaction.state.log.min.isr": "2",
        "share.coordinator.state.topic.replication.factor": "3",
        "share.coordinator.state.topic.min.isr": "2",
    }
