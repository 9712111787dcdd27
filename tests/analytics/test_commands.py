import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from analytics_app.models import Source
from tests.analytics.conftest import RecordingProducer
from tests.analytics.topics import read_topic
from tests.conftest import free_ports

MANAGE = [sys.executable, str(project_settings.BASE_DIR / "manage.py")]


def output(*arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


class TestCreateSource:
    @pytest.mark.django_db
    def test_the_key_alone_is_printed(self) -> None:
        key = output("createsource", "web")
        assert key == Source.objects.get(name="web").write_key + "\n"
        assert output("createsource", "web", "--exist-ok") == key

    @pytest.mark.django_db
    @pytest.mark.parametrize("name", ["web", "", "x" * 101, "a\x00b"])
    def test_a_name_that_cannot_be_taken(self, source: Source, name: str) -> None:  # noqa: ARG002
        with pytest.raises(CommandError, match=r"name"):
            output("createsource", name)
        assert Source.objects.count() == 1

    def test_a_database_that_was_not_migrated(self, tmp_path: Path) -> None:
        environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path)}
        for command in (["createsource", "web"], ["simulate"]):
            done = subprocess.run([*MANAGE, *command], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1
            assert "manage.py migrate" in done.stderr


@pytest.fixture
def _no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests keep their own signal handlers."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.usefixtures("_no_handlers")
class TestSimulate:
    ARGUMENTS = ["simulate", "--seed", "7", "--start", "2026-08-22T09:30:00Z", "--rate", "5000"]

    @pytest.mark.django_db(transaction=True)
    def test_over_the_api_to_the_topic(self, live_server: LiveServer, topic: str) -> None:
        Source.objects.create(name="off", enabled=False)
        Source.objects.create(name="web")
        text = output(*self.ARGUMENTS, "--limit", "300", "--url", live_server.url)
        values = [json.loads(message.value() or b"") for message in read_topic(topic)]
        assert len({value["event_id"] for value in values}) == len(values) == 300
        assert {value["source"] for value in values} == {"web"}
        assert "Accepted: 300 events" in text
        assert "Rejected: 0" in text
        starts = sum(value["event_type"] == "START_SESSION" for value in values)
        assert f"START_SESSION: {starts}\n" in text
        assert f"Sessions: {starts}\n" in text
        assert f"Unique devices: {len({value['device_id'] for value in values})}\n" in text
        euros = sum(value.get("revenue", 0) for value in values if value.get("currency") == "EUR")
        assert (f"EUR {euros:.2f}" in text) == (euros > 0)

    def test_the_same_seed_and_start_give_the_same_messages(self, recorder: RecordingProducer) -> None:
        output(*self.ARGUMENTS, "--sink", "kafka", "--limit", "200")
        first, recorder.messages = recorder.messages, []
        output(*self.ARGUMENTS, "--sink", "kafka", "--limit", "200", "--batch", "7")
        assert [_without_receipt(value) for _, value in first] == [
            _without_receipt(value) for _, value in recorder.messages
        ]

    def test_a_duration_is_a_number_of_events(self, recorder: RecordingProducer) -> None:
        output(*self.ARGUMENTS, "--sink", "kafka", "--duration", "0.1")
        assert len(recorder.messages) == 500

    @pytest.mark.django_db
    def test_no_source(self) -> None:
        with pytest.raises(CommandError, match="createsource"):
            output("simulate")

    @pytest.mark.django_db(transaction=True)
    def test_a_wrong_key(self, live_server: LiveServer) -> None:
        with pytest.raises(CommandError, match="401: No source has this write key"):
            output("simulate", "--url", live_server.url, "--write-key", "wk_no")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--rate", "0"],
            ["--rate", "nan"],
            ["--rate", "fast"],
            ["--users", "0"],
            ["--limit", "-1"],
            ["--duration", "0"],
            ["--seed", "x"],
            ["--start", "yesterday"],
            ["--sink", "ftp"],
            ["--batch", "100000"],
        ],
    )
    def test_bad_arguments(self, arguments: list[str]) -> None:
        with pytest.raises(CommandError, match=f"argument {arguments[0]}"):
            output("simulate", *arguments)


def _without_receipt(value: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(value)
    del event["received_on"]
    return event


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_the_summary(number: int, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
    }
    arguments = ["simulate", "--write-key", "wk", "--url", f"http://127.0.0.1:{free_ports(1)}"]
    with subprocess.Popen(
        [*MANAGE, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(number)
        rest = process.stdout.read()
        watchdog.cancel()
    assert process.returncode == 0
    assert "Simulation of 100 visitors" in lines[0]
    assert "refused" in lines[1]
    assert "Accepted: 0 events" in rest
    assert "Not acknowledged when it was stopped: " in rest
