"""Apache Kafka on this machine: one node, KRaft, loopback only, as a child process."""

import base64
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from brokerlytics.local_kafka.errors import LocalKafkaError
from brokerlytics.local_kafka.jars import ensure_jars, find_java
from brokerlytics.local_kafka.locks import ProcessLock
from brokerlytics.local_kafka.properties import server_properties
from brokerlytics.ports import port_accepts, port_is_free
from brokerlytics.processes import tied_to_parent

_HOST: Final = "127.0.0.1"
_HEAP: Final = "-Xmx384m"
_STOP_TIMEOUT: Final = 60.0
_LOOK_INTERVAL: Final = 0.1
_LOG4J: Final = Path(__file__).with_name("log4j2.properties")


def new_cluster_id() -> str:
    """URL-safe base64 without padding; it begins with a letter so as not to read as an option."""
    return "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


class LocalKafka:
    """The broker that keeps its data in `home`. What it acknowledged survives a restart.

    Args:
        home: directory for data, configuration and logs.
        port: on 127.0.0.1 for clients; the port after it is the controller's.
        jars: directory with Kafka's jars, fetched when they are missing.
        overrides: settings of server.properties that differ from ours.
        cluster_id: the same for all nodes of a cluster of several.
    """

    def __init__(
        self,
        home: Path,
        port: int,
        jars: Path,
        overrides: Mapping[str, str] = MappingProxyType({}),
        cluster_id: str | None = None,
    ) -> None:
        self.bootstrap_servers = f"{_HOST}:{port}"
        self.log_file = home / "logs" / "kafka.log"
        self._home = home
        self._port = port
        self._jars = jars
        self._overrides = overrides
        self._cluster_id = cluster_id or new_cluster_id()
        self._properties = home / "server.properties"
        self._console = home / "logs" / "console.log"
        self._owner: ProcessLock | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def check_ports(self) -> None:
        """Raises LocalKafkaError when another program uses a port; a broker that start() would stop may."""
        lock = ProcessLock(self._home / "kafka.pid")
        try:
            if lock.acquire():
                self._require_ports()
        finally:
            lock.close()

    def start(self) -> None:
        """Start the broker, formatting its storage the first time. Returns before it answers.

        A broker that a killed process of ours left behind in the same home is stopped first.
        Raises KafkaUnavailableError, LocalKafkaError.
        """
        java = find_java()
        ensure_jars(self._jars)
        self._own_home()
        broker_lock = self._wait_for_earlier_broker()
        self._require_ports()
        self._console.parent.mkdir(exist_ok=True)
        self._properties.write_text(server_properties(self._home / "data", self._port, self._overrides))
        self._format_once(java)
        self._process = self._popen(java, "kafka.Kafka", str(self._properties), lock=broker_lock)
        broker_lock.write_pid(self._process.pid)
        broker_lock.close()

    def wait_ready(self, stopping: Event, timeout: float = 180.0) -> None:
        """Return when the broker answers a client, or `stopping` is set.

        Raises LocalKafkaError when the broker ends or takes longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not (port_accepts(_HOST, self._port) and self._answers()):
            if self.returncode is not None:
                status = f"status {self.returncode}"
                raise LocalKafkaError(f"Kafka ended while it started, {status}: see {self._console.parent}.")
            if time.monotonic() > deadline:
                last = self._last_words()
                raise LocalKafkaError(f"Kafka did not answer within {timeout:.0f} seconds: see {self.log_file}. {last}")
            if stopping.wait(_LOOK_INTERVAL):
                return

    @property
    def returncode(self) -> int | None:
        """The exit status of the broker's process; None while it runs."""
        return self._process.poll() if self._process else None

    def signal(self, number: signal.Signals) -> None:
        """Send the broker's process a signal: SIGSTOP freezes it, SIGCONT lets it go on. Does nothing when it ended."""
        if self._process:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End the broker as a crash does; `start` brings it back."""
        if self._process:
            self._process.kill()
        self.stop()

    def stop(self) -> None:
        """Stop the broker cleanly and wait for its end. Does nothing when it does not run."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._owner:
            self._owner.close()
            self._owner = None

    def _require_ports(self) -> None:
        for port in (self._port, self._port + 1):
            if not port_is_free(_HOST, port):
                needs = "set KAFKA_PORT to a free port whose next one is free too"
                raise LocalKafkaError(f"Kafka cannot start, port {port} is in use: {needs}.")

    def _own_home(self) -> None:
        owner = ProcessLock(self._home / "LOCK")
        if not owner.acquire():
            holder = owner.holder
            owner.close()
            raise LocalKafkaError(f"Kafka runs already in {self._home}, started by process {holder}.")
        self._owner = owner

    def _wait_for_earlier_broker(self) -> ProcessLock:
        """The lock that the broker's process is going to hold, once no earlier one holds it."""
        lock = ProcessLock(self._home / "kafka.pid")
        deadline = time.monotonic() + _STOP_TIMEOUT
        asked = False
        while not lock.acquire():
            # Who has just taken it for the first time has not written its pid yet.
            if not asked and (holder := lock.holder):
                with suppress(ProcessLookupError):
                    os.kill(holder, signal.SIGTERM)
                asked = True
            if time.monotonic() > deadline:
                raise LocalKafkaError(f"An earlier Kafka does not end: stop it with `kill -9 {lock.holder}`.")
            time.sleep(_LOOK_INTERVAL)
        return lock

    def _format_once(self, java: Path) -> None:
        data = self._home / "data"
        if (data / "meta.properties").exists():
            return
        arguments = ["format", "-t", self._cluster_id, "-c", str(self._properties)]
        if self._popen(java, "kafka.tools.StorageTool", *arguments).wait() != 0:
            raise LocalKafkaError(f"Kafka could not format {data}: see {self._console}.")

    def _popen(
        self, java: Path, main_class: str, *arguments: str, lock: ProcessLock | None = None
    ) -> subprocess.Popen[bytes]:
        options = [_HEAP, "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"]
        logging = [f"-Dlog4j2.configurationFile={_LOG4J}", f"-Dkafka.logs.dir={self.log_file.parent}"]
        command = [str(java), *options, *logging, "-cp", f"{self._jars}/*", main_class, *arguments]
        with self._console.open("wb") as console:
            return subprocess.Popen(
                tied_to_parent(command),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[lock.fileno()] if lock else [],
                # A group of its own: Ctrl-C on the terminal reaches us alone, and we stop the broker.
                process_group=0,
            )

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return f"Its last line: {lines[-1]}" if lines else "It has written no line."

    def _answers(self) -> bool:
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            return bool(client.list_topics(timeout=2.0).brokers)
        except KafkaException:
            return False
