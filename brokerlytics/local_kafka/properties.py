from collections.abc import Mapping
from pathlib import Path


def server_properties(data: Path, port: int, overrides: Mapping[str, str]) -> str:
    """The text of server.properties for one node that is broker and controller, reachable on loopback only.

    `overrides` win, and may add settings: those of a node in a cluster of several, for one.
    """
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        # The static quorum, not the newer dynamic one: that would write the port into the data for good.
        "controller.quorum.voters": f"1@127.0.0.1:{port + 1}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        # It hands over to other nodes, of which there is none: while it does, the cluster says that it has no
        # broker at all, and a librdkafka client that hears so may never find one again.
        "controlled.shutdown.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{name}={value}\n" for name, value in (settings | dict(overrides)).items())
