"""runkafka as an operator meets it."""

import os
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from brokerlytics.local_kafka import jars
from brokerlytics.local_kafka.broker import LocalKafka
from brokerlytics.local_kafka.errors import KafkaUnavailableError, LocalKafkaError
from brokerlytics.local_kafka.forwarder import Forwarder
from brokerlytics.local_kafka.locks import ProcessLock
from tests.conftest import JARS, JAVA_OPTIONS, free_ports
from tests.ops.commands import run, running, with_path
from tests.waiting import PATIENCE


@pytest.fixture
def port() -> int:
    return free_ports(2)


@pytest.fixture
def env(tmp_path: Path, port: int) -> dict[str, str]:
    """A data directory of its own, with the jars that are already there."""
    home = tmp_path / "var" / "kafka"
    home.mkdir(parents=True)
    if JARS.exists():
        (home / "jars").symlink_to(JARS)
    return {
        "PATH": os.environ["PATH"],
        **JAVA_OPTIONS,
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path / "var"),
        "KAFKA_PORT": str(port),
    }


def produce(servers: str, value: bytes) -> None:
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": servers, "log_level": 0})
    producer.produce("events", value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(PATIENCE) == 0
    assert errors == [None]


def consume(servers: str, count: int) -> list[bytes | None]:
    reading = {"group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": servers, "log_level": 0, **reading})
    consumer.subscribe(["events"])
    try:
        return [message.value() for message in consumer.consume(count, timeout=PATIENCE)]
    finally:
        consumer.close()


@pytest.mark.usefixtures("real_kafka")  # Skips where Kafka cannot run.
class TestRealBroker:
    def test_what_it_acknowledged_survives_a_restart(self, env: dict[str, str], port: int) -> None:
        servers = f"127.0.0.1:{port}"
        for number in range(2):
            with running(["runkafka"], env) as kafka:
                created = "exists" if number else "created"
                kafka.wait_for(f"Kafka answers at {servers}. Topic events {created} with 6 partitions.\n")
                if not number:
                    produce(servers, b"kept")
                assert consume(servers, 1) == [b"kept"]
                assert kafka.stop() == 0
                assert kafka.output.splitlines()[1:] == ["Kafka has stopped."]

    def test_a_killed_runkafka_leaves_no_broker_in_the_way(self, env: dict[str, str]) -> None:
        with running(["runkafka"], env) as kafka:
            kafka.wait_for("Kafka answers")
            kafka.stop(signal.SIGKILL)
        with running(["runkafka"], env) as kafka:
            kafka.wait_for("Kafka answers")
            assert kafka.stop(signal.SIGINT) == 0

    def test_it_ends_when_the_broker_does(self, env: dict[str, str], tmp_path: Path) -> None:
        with running(["runkafka"], env) as kafka:
            kafka.wait_for("Kafka answers")
            os.kill(int((tmp_path / "var" / "kafka" / "kafka.pid").read_text()), signal.SIGKILL)
            assert kafka.process.wait(PATIENCE) == 1
            kafka.close()
            assert "Kafka ended by itself, with status -9." in kafka.output

    def test_a_second_one_is_refused(self, env: dict[str, str]) -> None:
        with running(["runkafka"], env) as kafka:
            kafka.wait_for("Kafka answers")
            second = run(["runkafka"], env)
            assert second.returncode == 1
            assert second.stderr.startswith("CommandError: Kafka runs already in ")
            assert kafka.stop() == 0

    @pytest.mark.parametrize("taken", [0, 1])
    def test_a_port_in_use_is_told(self, env: dict[str, str], port: int, taken: int) -> None:
        with socket.create_server(("127.0.0.1", port + taken)):
            refused = run(["runkafka"], env)
        assert refused.returncode == 1
        assert refused.stderr == (
            f"CommandError: Kafka cannot start, port {port + taken} is in use: "
            "set KAFKA_PORT to a free port whose next one is free too.\n"
        )


@pytest.mark.usefixtures("real_kafka")  # Skips where Kafka cannot run.
def test_a_broker_that_does_not_answer_is_told_with_its_last_line(tmp_path: Path, port: int) -> None:
    broker = LocalKafka(tmp_path, port, JARS)
    broker.start()
    try:
        broker.signal(signal.SIGSTOP)
        broker.log_file.write_text("INFO first\nINFO Waiting for the broker to be unfenced\n")
        with pytest.raises(LocalKafkaError, match=r"kafka\.log\. Its last line: INFO Waiting for the broker to be unf"):
            broker.wait_ready(Event(), timeout=0.1)
    finally:
        broker.kill()


def test_an_external_cluster_needs_no_local_one(env: dict[str, str]) -> None:
    done = run(["runkafka"], {**env, "KAFKA_BOOTSTRAP_SERVERS": "kafka.example.org:9092"})
    assert done.returncode == 0
    assert done.stdout == "No local Kafka is started: kafka.example.org:9092 is used.\n"


class TestStandIn:
    def test_without_java_the_mock_cluster_answers_on_kafkas_port(
        self, env: dict[str, str], port: int, tmp_path: Path
    ) -> None:
        with running(["runkafka"], with_path(env, tmp_path / "bin")) as kafka:
            kafka.wait_for(f"Kafka answers at 127.0.0.1:{port}")
            assert kafka.output.startswith("Java is not installed: Kafka needs Java 17 or newer on PATH.\nWARNING: ")
            produce(f"127.0.0.1:{port}", b"through the forwarder")
            assert consume(f"127.0.0.1:{port}", 1) == [b"through the forwarder"]
            assert kafka.stop() == 0

    def test_no_tryout_refuses_instead(self, env: dict[str, str], tmp_path: Path) -> None:
        refused = run(["runkafka", "--no-tryout"], with_path(env, tmp_path / "bin"))
        assert refused.returncode == 1
        assert refused.stderr == "CommandError: Java is not installed: Kafka needs Java 17 or newer on PATH.\n"

    def test_a_port_in_use_is_told(self, env: dict[str, str], port: int) -> None:
        with socket.create_server(("127.0.0.1", port)):
            refused = run(["runkafka", "--tryout"], env)
        assert refused.returncode == 1
        assert f"CommandError: Kafka cannot start, port {port} is in use: set KAFKA_PORT" in refused.stderr


class TestJars:
    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ('openjdk version "11.0.2" 2019-01-15', "is Java 11: Kafka needs Java 17"),
            ('java version "1.8.0_391"', "is Java 8: Kafka needs Java 17"),
            ("The operation couldn't be completed.", "does not work"),
        ],
    )
    def test_an_unfit_java_is_told(
        self, answer: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script(tmp_path / "java", f"echo {answer!r} >&2")
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(KafkaUnavailableError, match=told):
            jars.find_java()

    @pytest.mark.parametrize("version", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "25" 2025-09-16'])
    def test_a_new_java_is_taken(self, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script(tmp_path / "java", f"echo {version!r} >&2")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert jars.find_java() == tmp_path / "java"

    def test_they_are_fetched_again_only_when_the_pom_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pom = tmp_path / "pom.xml"
        pom.write_text("<one/>")
        monkeypatch.setattr(jars, "POM", pom)
        fetched: list[Path] = []

        def fetch(directory: Path, _: Path) -> None:
            directory.mkdir()
            (directory / f"{len(fetched)}.jar").write_text("")
            fetched.append(directory)

        monkeypatch.setattr(jars, "_fetch", fetch)
        directory = tmp_path / "kafka" / "jars"
        for _ in range(2):
            jars.ensure_jars(directory)
            assert [path.name for path in directory.glob("*.jar")] == ["0.jar"]
        pom.write_text("<two/>")
        jars.ensure_jars(directory)
        assert [path.name for path in directory.glob("*.jar")] == ["1.jar"]
        assert list(directory.parent.iterdir()) == [directory]

    def test_without_maven_it_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(KafkaUnavailableError, match="Maven is not installed"):
            jars.ensure_jars(tmp_path / "jars")

    def test_maven_centrals_silence_is_told_in_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script(tmp_path / "mvn", "echo '[ERROR] Could not transfer artifact'; echo '[ERROR] more'; exit 1")
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(KafkaUnavailableError, match=r"could not fetch Kafka: Could not transfer artifact$"):
            jars.ensure_jars(tmp_path / "jars")
        assert not (tmp_path / "jars").exists()


class TestForwarder:
    def test_clients_reach_the_cluster_through_it(self, mock_kafka: str) -> None:
        host, _, port = mock_kafka.partition(":")
        first = free_ports(1)
        forwarder = Forwarder(first, (host, int(port)))
        forwarder.start()
        client = AdminClient({"bootstrap.servers": f"127.0.0.1:{first}", "log_level": 0})
        assert [str(broker) for broker in client.list_topics(timeout=PATIENCE).brokers.values()] == [f"{mock_kafka}/1"]
        forwarder.stop()
        with pytest.raises(KafkaException):
            AdminClient({"bootstrap.servers": f"127.0.0.1:{first}", "log_level": 0}).list_topics(timeout=1)


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    first, second = ProcessLock(tmp_path / "LOCK"), ProcessLock(tmp_path / "LOCK")
    assert first.acquire()
    assert not second.acquire()
    assert second.holder == os.getpid()
    first.close()
    assert second.acquire()
    second.close()


def test_who_asks_for_the_holder_of_a_lock_as_it_changes_hands_finds_a_pid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the one before or of the one after, and never none: the holder may be sent a signal."""
    lock, found = ProcessLock(tmp_path / "LOCK"), list[int]()
    lock.write_pid(1_234_567)

    def looked_at(fd: int, data: bytes, position: int, pwrite: Callable[[int, bytes, int], int] = os.pwrite) -> int:
        found.append(lock.holder)
        return pwrite(fd, data, position)

    monkeypatch.setattr(os, "pwrite", looked_at)
    assert lock.acquire()
    assert (found, lock.holder) == ([1_234_567], os.getpid())
    lock.close()


def script(path: Path, body: str) -> None:
    path.write_text(f"#!{shutil.which('sh')}\n{body}\n")
    path.chmod(0o755)
