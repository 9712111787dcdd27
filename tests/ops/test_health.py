import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from brokerlytics.health import STUCK_AFTER, check_broker, check_feeder, check_store
from brokerlytics.heartbeat import HEARTBEAT_STALE, Heartbeat, PartitionStatus, State, write_heartbeat
from tests.conftest import free_ports
from tests.ops.commands import run


def beat(
    root: Path,
    topic: str,
    age: timedelta = timedelta(0),
    *,
    partitions: int = 1,
    state: State = State.RUNNING,
    still: timedelta = timedelta(0),
) -> None:
    """The heartbeat of a feeder whose partitions have stood still for so long."""
    now = datetime.now(UTC) - age
    status = tuple(
        PartitionStatus(partition=n, next_offset=0, lag=0, state=state, moved_at=now - still) for n in range(partitions)
    )
    heartbeat = Heartbeat(
        feeder="f", host="h", pid=1, topic=topic, beat_at=now, started_at=now, rows=0, partitions=status
    )
    write_heartbeat(root, heartbeat)


@pytest.mark.parametrize("path", ["/livez", "/livez/"])
def test_livez_depends_on_nothing(client: Client, settings: Settings, path: str) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = f"127.0.0.1:{free_ports(1)}"
    response = client.get(path)  # The database may not be touched either: this test has no django_db mark.
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_readyz_is_200_when_all_is_there(
    client: Client, settings: Settings, tmp_path: Path, topic: str, path: str
) -> None:
    settings.STORE_DIR = tmp_path / "store"
    beat(settings.STORE_DIR, topic)
    response = client.get(path)
    assert response.json() == {"database": "ok", "broker": "ok", "store": "ok", "feeder": "ok"}
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_readyz_is_503_with_the_reasons(client: Client, settings: Settings, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_ports(1)}"
    settings.KAFKA_BOOTSTRAP_SERVERS = address
    (tmp_path / "file").write_text("")
    settings.STORE_DIR = tmp_path / "file" / "store"
    response = client.get("/readyz")
    assert response.status_code == 503
    found = json.loads(response.content)
    assert found["database"] == "ok"
    assert found["broker"].startswith(f"No Kafka broker answers at {address}: ")
    assert found["store"] == "The store cannot be written: Not a directory."
    assert found["feeder"] == "No feeder runs: start `python manage.py runfeeder`."


def test_a_database_that_is_not_migrated_is_told(tmp_path: Path) -> None:
    """In a process of its own: this one's database is made by the test runner."""
    code = "from brokerlytics.health import check_database; print(check_database())"
    done = run(
        ["shell", "--no-imports", "-c", code],
        {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path)},
    )
    assert done.stdout == "The database does not answer, or `python manage.py migrate` was not run.\n"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_only_get_and_head(client: Client, method: str) -> None:
    assert getattr(client, method)("/readyz").status_code == 405
    assert client.head("/livez").status_code == 200


def test_a_missing_topic_is_told(real_kafka: str, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    settings.KAFKA_TOPIC = "no-such-topic"
    assert check_broker() == "The topic no-such-topic does not exist: run `python manage.py createtopics`."


def test_a_full_disk_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.STORE_DIR = tmp_path
    assert check_store() == "ok"
    assert list(tmp_path.iterdir()) == []

    class FullDisk:
        def __enter__(self) -> "FullDisk":
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: FullDisk())
    assert check_store() == "The store cannot be written: No space left on device."


def test_a_feeder_counts_when_it_beats_and_has_partitions(settings: Settings, tmp_path: Path) -> None:
    settings.STORE_DIR = tmp_path
    beat(tmp_path, settings.KAFKA_TOPIC, age=HEARTBEAT_STALE)
    assert check_feeder().startswith("No feeder runs")
    beat(tmp_path, "another-topic")
    assert check_feeder().startswith("No feeder runs")
    beat(tmp_path, settings.KAFKA_TOPIC, partitions=0)
    assert check_feeder() == "No feeder has been given a partition of the topic yet."
    beat(tmp_path, settings.KAFKA_TOPIC)
    assert check_feeder() == "ok"


def test_a_feeder_that_lives_and_stands_still_is_told(settings: Settings, tmp_path: Path) -> None:
    settings.STORE_DIR = tmp_path
    beat(tmp_path, settings.KAFKA_TOPIC, partitions=2, state=State.STALLED)
    assert check_feeder() == "The disk of the store is full: partitions 0, 1 are not stored until there is room."
    beat(tmp_path, settings.KAFKA_TOPIC, state=State.WAITING, still=STUCK_AFTER)
    assert check_feeder() == "The feeder stands still: partition 0 is not stored; its log says why."
    # A hand-over takes its time.
    beat(tmp_path, settings.KAFKA_TOPIC, state=State.WAITING, still=STUCK_AFTER / 2)
    assert check_feeder() == "ok"
