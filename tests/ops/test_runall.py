"""The whole product as `make run` starts it."""

import os
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.conftest import JARS, JAVA_OPTIONS, free_ports
from tests.ops.commands import run, running, with_path
from tests.waiting import PATIENCE, lives, wait_until


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "var" / "kafka"
    home.mkdir(parents=True)
    if JARS.exists():
        (home / "jars").symlink_to(JARS)
    return {
        "PATH": os.environ["PATH"],
        **JAVA_OPTIONS,
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path / "var"),
        "KAFKA_PORT": str(free_ports(2)),
        "PORT": str(free_ports(1)),
        "SIMULATE": "0",
        "WEB_WORKERS": "1",
    }


def post_event(env: dict[str, str], output: str, event_id: str) -> None:
    key = re.search(r"Write key +(\S+)", output)
    assert key
    event = {"event_type": "TEST", "device_id": "d", "event_id": event_id}
    url = f"http://127.0.0.1:{env['PORT']}/api/v1/events"
    answer = httpx.post(url, json=event, auth=(key[1], ""), timeout=PATIENCE, trust_env=False)
    assert answer.status_code == 202, answer.text


def stored_ids(env: dict[str, str]) -> list[str]:
    rows = run(["exportcsv"], env).stdout.splitlines()[1:]
    return sorted(row.split(",")[0] for row in rows)


def pid_of(env: dict[str, str], program: str) -> int:
    log = (Path(env["DATA_DIR"]) / "logs" / "supervisor.log").read_text()
    return int(re.findall(rf"spawned: '{program}' with pid (\d+)", log)[-1])


@pytest.mark.usefixtures("real_kafka")  # Skips where Kafka cannot run.
def test_everything_starts_heals_and_stops_in_order(env: dict[str, str]) -> None:
    with running(["runall"], env) as product:
        product.wait_for("Brokerlytics is ready.")
        product.wait_for("/api/v1/events\n")
        for part in ("Dashboard", "API docs", "Admin", "Write key", "Sign in once"):
            assert re.search(rf"^  {part} +\S", product.output, re.MULTILINE)
        post_event(env, product.output, "before")

        second = run(["runall"], env)
        assert second.returncode == 1
        assert second.stderr.startswith(f"CommandError: Brokerlytics runs already in {env['DATA_DIR']}, process ")

        os.kill(pid_of(env, "feeder"), signal.SIGKILL)
        product.wait_for("supervisor  | exited: feeder (terminated by SIGKILL; not expected)")
        os.kill(pid_of(env, "web"), signal.SIGKILL)
        product.wait_for("supervisor  | exited: web (terminated by SIGKILL; not expected)")
        wait_until(lambda: lives(f"http://127.0.0.1:{env['PORT']}"), lambda: product.output)
        post_event(env, product.output, "after")
        # A process that is only just starting would not end by itself.
        wait_until(lambda: stored_ids(env) == ["after", "before"], lambda: product.output, pause=1)

        assert product.stop(signal.SIGINT) == 0
    ends = re.findall(r"stopped: (\w+) \(exit status 0\)", product.output)
    assert ends == ["maintenance", "index", "web", "feeder", "kafka"]
    assert product.output.endswith("Stopped.\n")
    assert "Traceback" not in product.output
    assert stored_ids(env) == ["after", "before"]


def test_without_java_it_goes_on_with_the_stand_in(env: dict[str, str], tmp_path: Path) -> None:
    with running(["runall"], with_path(env, tmp_path / "bin")) as product:
        product.wait_for("Brokerlytics is ready.")
        assert "Java is not installed" in product.output
        assert "WARNING: librdkafka's mock cluster stands in for Kafka." in product.output
        post_event(env, product.output, "tried-out")
        assert product.stop(signal.SIGTERM) == 0
    (store,) = (tmp_path / "var" / "tryout").iterdir()
    files = [*store.glob("data/*/*.csv"), *store.glob("state/*/*.open")]
    assert any("tried-out" in path.read_text() for path in files)
    assert not (tmp_path / "var" / "store").exists()


@pytest.mark.parametrize(
    ("variable", "told"), [("PORT", "The web server cannot listen"), ("KAFKA_PORT", "Kafka cannot start, port")]
)
def test_a_port_in_use_is_told_before_anything_starts(env: dict[str, str], variable: str, told: str) -> None:
    with socket.create_server(("127.0.0.1", int(env[variable]))):
        refused = run(["runall"], env)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"CommandError: {told}")
    assert not (Path(env["DATA_DIR"]) / "logs" / "supervisor.log").exists()


def test_a_wrong_setting_is_told_before_anything_starts(env: dict[str, str]) -> None:
    refused = run(["runall"], {**env, "KAFKA_SECURITY_PROTOCOL": "bogus"})
    assert refused.returncode == 1
    assert "(brokerlytics.E001)" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_cluster_that_is_away_is_told(env: dict[str, str]) -> None:
    address = f"127.0.0.1:{free_ports(1)}"
    refused = run(["runall"], {**env, "KAFKA_BOOTSTRAP_SERVERS": address})
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"CommandError: No Kafka broker answers at {address}: ")
