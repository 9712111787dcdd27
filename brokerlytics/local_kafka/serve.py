"""Run the local Kafka in the foreground until it is told to stop."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final, Protocol

from brokerlytics.local_kafka.broker import LocalKafka
from brokerlytics.local_kafka.errors import KafkaUnavailableError, LocalKafkaError
from brokerlytics.local_kafka.jars import ensure_jars, find_java
from brokerlytics.local_kafka.tryout import TryoutKafka

TRYOUT_WARNING: Final = (
    "WARNING: librdkafka's mock cluster stands in for Kafka. It keeps a few MB in memory, forgets all of it"
    " when it stops, and is for trying out only."
)
_LOOK_INTERVAL: Final = 0.5


class Kafka(Protocol):
    """What there is to run: the real broker or the mock."""

    bootstrap_servers: str

    def check_ports(self) -> None: ...
    def start(self) -> None: ...
    def wait_ready(self, stopping: Event) -> None: ...
    def stop(self) -> None: ...

    @property
    def returncode(self) -> int | None: ...


def jars_directory(home: Path) -> Path:
    return home / "jars"


def why_unavailable(home: Path, say: Callable[[str], None]) -> str | None:
    """Why this machine cannot run Kafka, None when it can. Jars that are missing are fetched; `say` is told before."""
    try:
        find_java()
        ensure_jars(jars_directory(home), say)
    except KafkaUnavailableError as error:
        return str(error)
    return None


def serve(kafka: Kafka, stopping: Event, when_ready: Callable[[], None]) -> None:
    """Start `kafka`, call `when_ready` once it answers, and stop it when `stopping` is set.

    Raises LocalKafkaError when it does not start, or ends by itself.
    """
    try:
        kafka.start()
        kafka.wait_ready(stopping)
        if not stopping.is_set():
            when_ready()
        while not stopping.wait(_LOOK_INTERVAL):
            if kafka.returncode is not None:
                raise LocalKafkaError(f"Kafka ended by itself, with status {kafka.returncode}.")
    finally:
        kafka.stop()


def choose(home: Path, port: int, *, tryout: bool) -> Kafka:
    return TryoutKafka(port) if tryout else LocalKafka(home, port, jars_directory(home))
