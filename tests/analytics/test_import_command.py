"""`importevents` as its user sees it, and what it puts on the topic of a real broker."""

import gzip
import io
import json
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message
from django.conf import settings as project_settings
from django.core.management import CommandError, call_command, load_command_class
from django.core.management.base import BaseCommand
from pytest_django import Settings

from analytics_app.importing.errors import Fault
from analytics_app.models import Source
from brokerlytics.csv_format import HEADER, encode_row
from brokerlytics.event_codec import decode_event
from brokerlytics.timestamps import parse_timestamp
from tests.analytics.conftest import RecordingProducer
from tests.analytics.topics import read_topic
from tests.conftest import free_ports
from tests.ops.commands import MANAGE, run, running

pytestmark = pytest.mark.long

NAMES = "--map=created_on=time,event_type=event,device_id=who"
HISTORY = (
    "time,event,who,plan\n2025-01-01T10:00:00Z,Signed Up,d-1,pro\n1735725601,Upgraded,d-1,\n2025-01-03,Left,d-2,\n"
)


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path / "var"
    settings.DATA_DIR.mkdir()
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    path.write_text(HISTORY)
    return path


def load(file: Path | str, *arguments: str, code: int = 0) -> str:
    """The output of the command, which has to end with this exit status."""
    out = io.StringIO()
    found = 0
    try:
        call_command("importevents", str(file), "--source", "web", *arguments, stdout=out)
    except SystemExit as end:
        found = int(str(end.code))
    assert found == code, out.getvalue()
    return out.getvalue()


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        call_command("importevents", *arguments)
    assert caught.value.returncode == 2 or "argument" in str(caught.value)
    return str(caught.value)


def values(messages: Iterable[Message]) -> list[dict[str, Any]]:
    return [json.loads(message.value() or b"") for message in messages]


@pytest.mark.usefixtures("source")
def test_the_topic_has_every_event_once_under_the_key_of_http(history: Path, topic: str) -> None:
    text = load(history, NAMES)
    assert "Accepted: 3 events" in text
    messages = read_topic(topic)
    assert sorted(message.key() or b"" for message in messages) == [b"d-1", b"d-1", b"d-2"]
    assert len({message.partition() for message in messages if message.key() == b"d-1"}) == 1
    events = sorted(values(messages), key=lambda event: event["created_on"])
    expected = ["2025-01-01T10:00:00Z", "2025-01-01T10:00:01Z", "2025-01-03T00:00:00Z"]
    assert [parse_timestamp(event["created_on"]) for event in events] == [parse_timestamp(text) for text in expected]
    assert events[0]["properties"] == {"plan": "pro"}
    assert {event["source"] for event in events} == {"web"}
    assert "Imported already" in load(history, NAMES)
    assert len(read_topic(topic)) == 3
    load(history, NAMES, "--again")
    again = values(read_topic(topic))
    assert len(again) == 6
    assert len({event["event_id"] for event in again}) == 3


@pytest.mark.usefixtures("source")
def test_our_own_export_comes_back_as_it_was(tmp_path: Path, recorder: RecordingProducer) -> None:
    fields = {
        "event_type": "REVENUE",
        "device_id": "d",
        "created_on": "2025-01-01T10:00:00.123Z",
        "original_created_on": "2025-01-01T09:00:00Z",
        "revenue": 1e-06,
        "currency": "EUR",
        "page_url": "https://example.org/a?b=1",
        "properties": {"text": 'line\n"two",', "n": 1.5},
        "context": {"app": {"build": 7}},
        "source": "web",
    }
    received_on = parse_timestamp("2025-01-01T10:00:01Z")
    event = decode_event(json.dumps(fields).encode(), event_id="e-1", received_on=received_on)
    path = tmp_path / "segment.csv"
    path.write_bytes(HEADER + encode_row(event, 3, 17))
    load(path)
    [(key, value)] = recorder.messages
    back = decode_event(value, event_id="", received_on=received_on)
    assert key == b"d"
    # What an SDK's request would have got as well.
    assert back.page_path == "/a"
    assert encode_row(back, 3, 17).replace(b",/a,", b",,", 1) == encode_row(event, 3, 17)


@pytest.mark.usefixtures("source")
def test_bad_lines_are_told_by_number(history: Path, tmp_path: Path, recorder: RecordingProducer) -> None:
    with history.open("a") as more:
        more.write('2025-01-04,Note,d-3,"a\nb"\nyesterday,Left,d-2,\n2025-01-05,Left,,\nx\n')
    bad = tmp_path / "bad.csv"
    text = load(history, NAMES, "--bad", str(bad), "--show-bad", "2", code=1)
    assert len(recorder.messages) == 4
    assert "Accepted: 4 events" in text
    assert "Bad: 3\n  invalid_value: 1\n  missing_field: 1\n  wrong_columns: 1\n" in text
    assert "  line 7: invalid_value in created_on: created_on must be an ISO 8601 time" in text
    assert "  line 8: missing_field in device_id: device_id or user_id is required.\n" in text
    assert "line 9" not in text
    assert "  and 1 more: --bad FILE writes all of them" in text
    lines = bad.read_text().splitlines()
    assert lines[0] == "line,code,field,message,raw"
    assert lines[3] == '9,wrong_columns,,"The row has 1 cells, the header 4.",x'
    assert "Imported already" in load(history, NAMES)


@pytest.mark.usefixtures("source")
def test_a_dry_run_sends_and_notes_nothing(history: Path, recorder: RecordingProducer) -> None:
    text = load(history, NAMES, "--dry-run", "--limit", "2")
    assert "Valid, nothing was sent: 2 events" in text
    assert recorder.messages == []
    assert "Accepted: 3 events" in load(history, NAMES)


@pytest.mark.usefixtures("source")
def test_ndjson_with_a_column_that_never_comes(tmp_path: Path, recorder: RecordingProducer) -> None:
    path = tmp_path / "a.jsonl.gz"
    line = {"time": 1735725601, "event": "A", "user": {"id": 7}}
    path.write_bytes(gzip.compress(json.dumps(line).encode()))
    text = load(path, "--map", "created_on=time,event_type=event", "--map", "user_id=user.id,os=system")
    assert json.loads(recorder.messages[0][1])["user_id"] == "7"
    assert "No row has system, which --map names." in text


@pytest.mark.django_db
def test_arguments_that_cannot_be(history: Path, tmp_path: Path, source: Source) -> None:
    file = str(history)
    Source.objects.create(name="app", enabled=False)
    assert "No source is named 'wbe'. There are: app, web." in refusal(file, "--source", "wbe")
    assert "disabled" in refusal(file, "--source", "app")
    assert "No such file" in refusal(f"{file}.csv", "--source", source.name)
    assert "directory" in refusal(str(tmp_path), "--source", "web", "--format", "csv")
    assert "--format csv or --format ndjson" in refusal(str(tmp_path / "a.json"), "--source", "web")
    assert "There are event_id, kind" in refusal(file, "--source", "web", "--map", "when=time")
    assert "no column tme. The file's columns are time, event, who, plan." in refusal(
        file, "--source", "web", "--map", "created_on=tme"
    )
    assert "No column gives event_type" in refusal(file, "--source", "web")
    assert "cannot be written" in refusal(file, "--source", "web", NAMES, "--bad", str(tmp_path / "no" / "bad.csv"))
    assert "--delimiter" in refusal(file, "--source", "web", "--delimiter", "ab")
    assert "--limit" in refusal(file, "--source", "web", "--limit", "-1")
    assert "--source" in refusal(file)


def prepared(env: dict[str, str]) -> dict[str, str]:
    """The environment with a database that has the source `web`."""
    run(["migrate", "-v", "0"], env)
    assert run(["createsource", "web"], env).returncode == 0
    return env


@pytest.mark.parametrize("kafka", ["real"], indirect=True)
def test_stopped_and_gone_on_with_in_processes_of_their_own(
    product_env: dict[str, str], topic: str, tmp_path: Path
) -> None:
    env = prepared(product_env)
    path = tmp_path / "history.csv"
    total = 90_000
    path.write_text("created_on,event_type,device_id\n" + "".join(f"2025-01-01,A,d-{n % 50}\n" for n in range(total)))
    command = ["importevents", str(path), "--source", "web"]
    ledger = Path(env["DATA_DIR"]) / "imports"
    with running(command, env) as importing:
        while importing.process.poll() is None and not list(ledger.glob("*.json")):
            time.sleep(0.01)
        assert importing.stop(signal.SIGINT) == 130
        assert "Stopped. The same command goes on after the last acknowledged row." in importing.output
    part = len(read_topic(topic))
    assert 0 < part < total
    done = run(command, env)
    assert done.returncode == 0, done.stderr
    assert f"Earlier: {part:,} rows, {part:,} events accepted, 0 bad" in done.stdout
    assert f"Accepted: {total - part:,} events" in done.stdout
    ids = [event["event_id"] for event in values(read_topic(topic))]
    assert len(ids) == len(set(ids)) == total


@pytest.mark.parametrize("kafka", ["mock"], indirect=True)
def test_a_broker_that_is_away_is_waited_for(product_env: dict[str, str], history: Path) -> None:
    env = prepared(product_env) | {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_ports(1)}",
        "PRODUCE_TIMEOUT": "0.5",
    }
    with running(["importevents", str(history), "--source", "web", NAMES], env) as importing:
        importing.wait_for("waiting: the broker did not acknowledge 3 events; trying again")
        assert importing.stop(signal.SIGTERM) == 130
        assert "Accepted: 0 events" in importing.output


@pytest.mark.parametrize("kafka", ["mock"], indirect=True)
def test_standard_input(product_env: dict[str, str], topic: str) -> None:
    env = prepared(product_env) | {"KAFKA_TOPIC": topic}
    command = [*MANAGE, "importevents", "-", "--source", "web", "--format", "csv", NAMES]
    packed = gzip.compress(HISTORY.encode())
    done = subprocess.run(command, env=env, input=packed, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(read_topic(topic)) == 3
    assert not (Path(env["DATA_DIR"]) / "imports").exists()


def test_the_database_is_not_ready(tmp_path: Path) -> None:
    env = {"PATH": "", "ENV_FILE": "/dev/null", "DATA_DIR": str(tmp_path / "empty")}
    done = run(["importevents", "a.csv", "--source", "web"], env)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "manage.py migrate" in done.stderr


def test_the_guide_names_every_option_and_code() -> None:
    guide = (project_settings.BASE_DIR / "docs" / "import.md").read_text()
    parser = load_command_class("analytics_app", "importevents").create_parser("manage.py", "importevents")
    known = {text for action in parser._actions for text in action.option_strings}
    ours = known - {text for action in BaseCommand().create_parser("", "")._actions for text in action.option_strings}
    assert {"--map", "--again", "--bad"} <= ours
    assert {text for text in [*ours, *Fault] if f"`{text}" not in guide} == set()
