"""The simulation endpoint: one run at a time, whichever worker it is in, and after one has died."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from analytics_app.deliveries import Delivery
from analytics_app.models import SimulationRun, Source
from analytics_app.simulation import runs
from tests.analytics.conftest import RecordingProducer
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.long

URL = "/api/v1/events/simulation"
NOW = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)
Status = SimulationRun.Status


@pytest.fixture
def staff(transactional_db: None) -> Iterator[Client]:  # noqa: ARG001
    """A client of a signed-in member of the staff; what it started is stopped after the test."""
    client = Client()
    client.force_login(User.objects.create_user("boss", is_staff=True))
    yield client
    SimulationRun.objects.update(stop_requested=True)
    wait_until(lambda: not SimulationRun.objects.filter(status=Status.RUNNING).exists())


def get(client: Client) -> Any:
    return client.get(URL).json()


@pytest.mark.usefixtures("recorder")
def test_start_look_stop(staff: Client) -> None:
    assert (staff.get(URL).status_code, staff.delete(URL).status_code) == (404, 404)
    started = staff.post(f"{URL}?rate=50&duration=60&seed=5")
    assert started.status_code == 201
    assert {name: started.json()[name] for name in ("status", "rate", "duration", "seed")} == {
        "status": "running",
        "rate": 50,
        "duration": 60,
        "seed": 5,
    }
    assert staff.post(f"{URL}/").json()["code"] == "simulation_running"
    wait_until(lambda: get(staff)["accepted"] > 10)
    stopped = staff.delete(f"{URL}/")
    assert (stopped.status_code, stopped.json()["status"]) == (200, "stopped")
    answer = staff.get(URL)
    assert answer.status_code == 404
    assert answer.json()["last_run"] == stopped.json()


def test_the_counts_are_true(staff: Client, recorder: RecordingProducer) -> None:
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.REFUSED]
    assert staff.post(f"{URL}?interval=0.01&duration=1").status_code == 201
    wait_until(lambda: staff.get(URL).status_code == 404)
    run = get(staff)["last_run"]
    assert (run["status"], run["accepted"], run["rejected"]) == ("finished", 99, 1)
    assert len(recorder.messages) == 100
    assert all(b'"source":"simulation"' in value for _, value in recorder.messages)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("rate=0", "rate"),
        ("rate=501", "rate"),
        ("rate=nan", "rate"),
        ("rate=fast", "rate"),
        ("interval=0", "interval"),
        ("interval=inf", "interval"),
        ("rate=1&interval=1", "interval"),
        ("duration=0", "duration"),
        ("duration=1e9", "duration"),
        ("duration=nan", "duration"),
        ("seed=-1", "seed"),
        ("seed=1.5", "seed"),
        ("seed=9223372036854775808", "seed"),
        ("speed=1", "speed"),
        ("scenario=../shop", "scenario"),
    ],
)
def test_bad_parameters(staff: Client, query: str, told: str) -> None:
    response = staff.post(f"{URL}?{query}")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert response.json()["message"].startswith(f"{told}: ")
    assert not SimulationRun.objects.exists()


@pytest.mark.usefixtures("recorder")
@pytest.mark.parametrize("body", ["[]", "5"])
def test_a_body_that_is_no_object(staff: Client, body: str) -> None:
    assert staff.post(URL, body, content_type="application/json").status_code == 400


@pytest.mark.usefixtures("recorder")
def test_all_runs_of_a_day_have_a_limit(staff: Client, settings: Any) -> None:
    settings.SIMULATION_DAILY_EVENTS = 150
    assert staff.post(f"{URL}?rate=100&duration=1&scenario=saas").status_code == 201
    wait_until(lambda: staff.get(URL).status_code == 404)
    answer = staff.post(f"{URL}?rate=100&duration=1")
    assert (answer.status_code, answer.json()["code"]) == (429, "simulation_limit")
    assert "50 are left" in answer.json()["message"]
    SimulationRun.objects.update(heartbeat_on=timezone.now() - timedelta(hours=25))
    assert staff.post(f"{URL}?rate=100&duration=1").status_code == 201


def test_a_source_that_was_disabled(staff: Client) -> None:
    Source.objects.create(name="simulation", enabled=False)
    assert staff.post(URL).json()["code"] == "source_disabled"


class TestAccess:
    @pytest.mark.parametrize("method", ["get", "post", "delete"])
    def test_a_write_key_is_not_enough(self, source: Source, method: str) -> None:
        response = getattr(Client(), method)(URL, headers={"X-Write-Key": source.write_key})
        assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Session realm="admin"')
        bearer = getattr(Client(), method)(URL, headers={"Authorization": f"Bearer {source.write_key}"})
        assert bearer.status_code == 401

    @pytest.mark.django_db
    def test_a_user_who_is_not_staff(self) -> None:
        client = Client()
        client.force_login(User.objects.create_user("guest"))
        assert client.post(URL).status_code == 403

    @pytest.mark.django_db
    def test_a_session_needs_the_csrf_token(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(User.objects.create_user("boss", is_staff=True))
        assert client.post(URL).status_code == 403
        assert not SimulationRun.objects.exists()

    @pytest.mark.django_db
    def test_http_basic(self) -> None:
        User.objects.create_user("boss", password="pw-of-the-test", is_staff=True)
        answer = Client().get(URL, headers={"Authorization": "Basic Ym9zczpwdy1vZi10aGUtdGVzdA=="})
        assert answer.status_code == 404

    @pytest.mark.usefixtures("recorder")
    def test_the_form_of_the_browsable_api(self, staff: Client) -> None:
        page = staff.get(URL, headers={"Accept": "text/html"})
        token = page.context["csrf_token"]
        fields = {"csrfmiddlewaretoken": token, "rate": "20", "interval": "", "duration": "60", "seed": ""}
        response = staff.post(URL, fields, headers={"Accept": "text/html"})
        assert response.status_code == 201
        assert SimulationRun.objects.get().rate == 20


class TestRuns:
    """The rows in the database."""

    def create(self, now: datetime = NOW) -> SimulationRun:
        return runs.create_run(scenario="shop", rate=1, duration=1, seed=1, now=now)

    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_one_starts(self) -> None:
        def attempt(_: int) -> bool:
            try:
                self.create()
            except runs.AlreadyRunningError:
                return False
            finally:
                connections.close_all()
            return True

        Source.objects.create(name="simulation")
        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(attempt, range(8))) == 1

    @pytest.mark.django_db
    def test_a_run_whose_worker_died_makes_room(self) -> None:
        dead = self.create()
        late = NOW + runs.STALE_AFTER + timedelta(seconds=1)
        assert runs.running_run(NOW + runs.STALE_AFTER) == dead
        new = self.create(late)
        dead.refresh_from_db()
        assert (dead.status, dead.ended_on, dead.message) == (
            Status.FAILED,
            late,
            "The web worker that ran it died.",
        )
        assert runs.running_run(late) == new

    @pytest.mark.django_db
    def test_a_worker_that_was_taken_for_dead_stops(self) -> None:
        run = self.create()
        assert runs.beat(run.pk, runs.Counts(1, 0), NOW)
        runs.running_run(NOW + timedelta(minutes=1))
        assert not runs.beat(run.pk, runs.Counts(2, 0), NOW)
        runs.end_run(run.pk, Status.FINISHED, "", runs.Counts(2, 0), NOW)
        run.refresh_from_db()
        assert run.status == Status.FAILED


_WORKER = """
import os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from analytics_app.simulation.worker import start_simulation
from django.conf import settings
settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_TOPIC = sys.argv[2:4]
start_simulation(scenario="shop", rate=50, duration=600, seed=1)
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_worker(staff: Client, topic: str, kafka: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:  # noqa: ARG001
    """Another process of the web server, which runs a simulation."""
    name = str(connection.settings_dict["NAME"])
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER, name, kafka, topic],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # It is killed, and cannot remove what it has in TMPDIR.
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def test_the_run_of_another_worker_is_seen_and_stopped(
    staff: Client,
    other_worker: subprocess.Popen[str],  # noqa: ARG001
) -> None:
    wait_until(lambda: get(staff)["accepted"] > 50)
    assert staff.post(URL).status_code == 409
    stopped = staff.delete(URL)
    assert (stopped.status_code, stopped.json()["status"]) == (200, "stopped")


@pytest.mark.usefixtures("recorder")
def test_after_another_worker_was_killed_a_run_can_start(staff: Client, other_worker: subprocess.Popen[str]) -> None:
    wait_until(lambda: get(staff)["accepted"] > 0)
    other_worker.send_signal(signal.SIGKILL)
    other_worker.wait()
    assert staff.post(URL).status_code == 409
    SimulationRun.objects.update(heartbeat_on=timezone.now() - runs.STALE_AFTER - timedelta(seconds=1))
    answer = staff.get(URL)
    assert (answer.status_code, answer.json()["last_run"]["status"]) == (404, "failed")
    assert staff.post(URL).status_code == 201


def test_a_worker_that_ends_in_good_order_stops_its_run(
    staff: Client,
    other_worker: subprocess.Popen[str],
) -> None:
    wait_until(lambda: get(staff)["accepted"] > 0)
    assert other_worker.stdin is not None
    other_worker.stdin.close()
    other_worker.wait(PATIENCE)
    run = get(staff)["last_run"]
    assert (run["status"], run["message"]) == ("stopped", "The web worker ended.")
