"""`manage.py simulate`."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from analytics_app.models import Source
from analytics_app.simulation.scenario_file import SHIPPED
from tests.analytics.conftest import RecordingProducer
from tests.analytics.topics import read_topic
from tests.conftest import free_ports
from tests.simulation.worlds import decoded, local_day, person_of

MANAGE = [sys.executable, str(project_settings.BASE_DIR / "manage.py")]
RUN = ["simulate", "backfill", "shop", "--seed", "7", "--now", "2026-08-22T09:30:00Z", "--users", "50"]


def output(*arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def environment(directory: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(directory), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def _no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests keep their own signal handlers."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.usefixtures("_no_handlers")
class TestSimulate:
    @pytest.mark.django_db(transaction=True)
    def test_over_the_api_to_the_topic(self, live_server: LiveServer, topic: str) -> None:
        Source.objects.create(name="off", enabled=False)
        Source.objects.create(name="web")
        text = output(*RUN, "--limit", "300", "--malformed", "0.05", "--url", live_server.url)
        rows = decoded([message.value() or b"" for message in read_topic(topic)])
        assert len(rows) == 300
        assert {row["source"] for row in rows} == {"web"}
        assert "Accepted: 300 events" in text
        assert "Rejected: 0" not in text
        starts = sum(row["event_type"] == "START_SESSION" for row in rows)
        assert f"START_SESSION: {starts}\n" in text
        people = len({person for person, _ in person_of(rows)})
        assert f"People: {people}, devices: {len({row['device_id'] for row in rows})}\n" in text

    def test_to_kafka_as_to_standard_output(self, recorder: RecordingProducer, tmp_path: Path) -> None:
        file = tmp_path / "events.ndjson"
        output(*RUN, "--sink", "kafka", "--source", "web", "--limit", "500")
        output(*RUN, "--sink", "stdout", "--source", "web", "--output", file, "--limit", "500", "--concurrency", "3")
        assert file.read_bytes().splitlines() == [value for _, value in recorder.messages]

    def test_the_summary_as_json(self, tmp_path: Path) -> None:
        file = tmp_path / "summary.json"
        text = output(*RUN, "--dry-run", "--limit", "2000", "--summary", file, "--duplicates", "0.01")
        summary = json.loads(file.read_text())
        assert summary["expected"]["events"] == sum(summary["expected"]["by_type"].values()) == 2000
        assert summary["accepted"] == 2000 + summary["duplicates"]
        assert summary["expected"]["revenue"]["EUR"].count(".") == 1
        assert summary["seed"] == 7
        assert f"Sessions: {summary['expected']['sessions']}\n" in text

    @pytest.mark.parametrize(("days", "listed"), [(14, True), (15, False)])
    def test_of_many_days_only_the_extremes_are_shown(self, tmp_path: Path, days: int, listed: bool) -> None:
        file, start = tmp_path / "summary.json", datetime(2026, 8, 1, tzinfo=UTC)
        times = ["--start", start.isoformat(), "--end", (start + timedelta(days=days)).isoformat()]
        text = output(
            "simulate", "backfill", "shop", "--users", "400", "--seed", "7", "--dry-run", *times, "--summary", file
        )
        people = json.loads(file.read_text())["expected"]["people_by_day"]
        assert len(people) == days
        assert (f"2026-08-01: {people['2026-08-01']}\n" in text) is listed
        extremes = f"People by day: {min(people.values())} to {max(people.values())} on {days} days\n"
        assert (extremes in text) is not listed

    def test_days_are_those_of_the_project(self, settings: Any, tmp_path: Path) -> None:
        settings.TIME_ZONE = "Pacific/Auckland"
        file, summary = tmp_path / "events.ndjson", tmp_path / "summary.json"
        output(*RUN, "--sink", "stdout", "--output", file, "--summary", summary)
        rows = decoded(file.read_bytes().splitlines())
        days = {local_day(row, "Pacific/Auckland") for row in rows}
        assert set(json.loads(summary.read_text())["expected"]["people_by_day"]) == days

    def test_a_duration_at_a_rate_is_a_number_of_events(self, recorder: RecordingProducer) -> None:
        output("simulate", "live", "--sink", "kafka", "--source", "a", "--rate", "5000", "--duration", "0.1")
        assert len(recorder.messages) == 500

    def test_live_time_goes_by_at_the_speed(self, recorder: RecordingProducer) -> None:
        arguments = ["--speed", "100000", "--duration", "0.5", "--now", "2026-08-22T09:30:00Z", "--seed", "1"]
        output("simulate", "live", "--sink", "kafka", "--source", "a", "--users", "100", *arguments)
        times = [json.loads(value)["created_on"] for _, value in recorder.messages]
        assert "2026-08-22T09:30" < min(times) < max(times) < "2026-08-22T23:23:21"

    def test_people_as_the_arguments_say(self) -> None:
        text = output(*RUN, "--dry-run", "--new-users-per-day", "0", "--churn", "1")
        people = re.search(r"People: (\d+),", text)
        assert people
        assert f"Sessions: {people[1]}\n" in text
        assert 20 < int(people[1]) <= 50

    @pytest.mark.django_db
    def test_no_source(self) -> None:
        with pytest.raises(CommandError, match="createsource"):
            output("simulate")

    @pytest.mark.django_db(transaction=True)
    def test_a_wrong_key(self, live_server: LiveServer) -> None:
        with pytest.raises(CommandError, match="401: No source has this write key"):
            output(*RUN, "--url", live_server.url, "--write-key", "wk_no")

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
            ["--tz", "Nowhere"],
            ["--late", "1.1"],
            ["--sink", "ftp"],
            ["--concurrency", "0"],
        ],
    )
    def test_bad_arguments(self, arguments: list[str]) -> None:
        with pytest.raises(CommandError, match=f"argument {arguments[0]}"):
            output("simulate", *arguments)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--start", "2026-08-23", "--end", "2026-08-22"], "--end is not after --start."),
            (["--batch", "100000"], "the server takes 2500 events"),
            (["--sink", "csv", "--output", "/no/such/place"], "/no/such/place cannot be written"),
        ],
    )
    def test_arguments_that_do_not_fit(self, arguments: list[str], told: str) -> None:
        with pytest.raises(CommandError, match=told):
            output(*RUN, *arguments)


def test_scenarios_are_listed_and_validated(tmp_path: Path) -> None:
    text = output("simulate", "list")
    assert "shop" in text
    assert str(SHIPPED / "game.yaml") in text
    assert "is a scenario" in output("simulate", "validate", "saas")
    mine = tmp_path / "mine.yaml"
    mine.write_text((SHIPPED / "shop.yaml").read_text().replace("churn: 0.06", "churn: 6"))
    with pytest.raises(CommandError, match=r"mine\.yaml:\d+: churn is 6; it must be from 0 to 1\."):
        output("simulate", "validate", str(mine))
    with pytest.raises(CommandError, match="neither a scenario"):
        output("simulate", "validate", "nothing")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_the_summary(number: int, tmp_path: Path) -> None:
    arguments = ["simulate", "--rate", "10", "--write-key", "wk", "--url", f"http://127.0.0.1:{free_ports(1)}"]
    with subprocess.Popen(
        [*MANAGE, *arguments],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(number)
        rest = process.stdout.read()
        watchdog.cancel()
    assert process.returncode == 0
    assert "Simulation shop: " in lines[0]
    assert "refused" in lines[1]
    assert "Accepted: 0 events" in rest
    assert "Not acknowledged when it was stopped: " in rest


def test_a_signal_ends_its_processes_as_well(tmp_path: Path) -> None:
    arguments = ["simulate", "backfill", "--dry-run", "--start", "2000-01-01", "--concurrency", "2"]
    with subprocess.Popen(
        [*MANAGE, *arguments], env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
        watchdog.cancel()
    assert "events/s" in lines[1]
    assert "Accepted: " in rest
    assert (process.returncode, errors) == (0, "")


def test_a_reader_that_went_away(tmp_path: Path) -> None:
    line = f"{' '.join([*MANAGE, *RUN])} --sink stdout | head -n 2"
    done = subprocess.run(line, shell=True, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.stdout.count("\n") == 2
    assert "CommandError: The events cannot be written: Broken pipe." in done.stderr
    assert "Traceback" not in done.stderr
