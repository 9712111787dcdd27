"""What stands in for Kafka on a machine that cannot run it: librdkafka's mock cluster on Kafka's port."""

from threading import Event

from brokerlytics.local_kafka.errors import LocalKafkaError
from brokerlytics.local_kafka.forwarder import Forwarder
from brokerlytics.local_kafka.mock import MockKafka
from brokerlytics.ports import port_is_free


class TryoutKafka:
    """The mock cluster, reachable on 127.0.0.1:`port`; start, wait and stop as those of LocalKafka.

    Clients find the cluster through that port; its metadata then sends them to the mock's own, random port.
    """

    # It lives in this process: it cannot end before it.
    returncode = None

    def __init__(self, port: int) -> None:
        self.bootstrap_servers = f"127.0.0.1:{port}"
        self._port = port
        self._cluster: MockKafka | None = None
        self._forwarder: Forwarder | None = None

    def check_ports(self) -> None:
        """Raises LocalKafkaError when the port is in use."""
        if not port_is_free("127.0.0.1", self._port):
            raise LocalKafkaError(f"Kafka cannot start, port {self._port} is in use: set KAFKA_PORT to a free one.")

    def start(self) -> None:
        """Raises LocalKafkaError when the port is in use."""
        self.check_ports()
        self._cluster = MockKafka()
        self._forwarder = Forwarder(self._port, (self._cluster.host, self._cluster.port))
        self._forwarder.start()

    def wait_ready(self, stopping: Event) -> None:
        """It answers as soon as it is started."""

    def stop(self) -> None:
        if self._forwarder:
            self._forwarder.stop()
        self._forwarder = self._cluster = None
