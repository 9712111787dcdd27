"""forget: one person's rows are gone from closed and active files and their dead letters blanked; nobody else's are."""

import base64
import io
import json
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from brokerlytics.checkpoint import read_checkpoint
from brokerlytics.removals import read_removals
from brokerlytics.store import closed_segments
from feeder_app.maintenance import closing, meeting
from feeder_app.maintenance.closing import StillActiveError
from feeder_app.maintenance.meeting import close_requested, maintenance_dir
from feeder_app.maintenance.plan import Compression
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.conftest import free_ports
from tests.feeder.day_builder import FIRST_DAY, QUICK, event, make_day, make_store, run_forget, run_maintenance
from tests.feeder.support import TOPIC, columns, dead_letters, paths, record, stored_rows

AWKWARD = 'an "odd", id\r\nwith ünïcode'


def rows_of(root: Path, name: str) -> list[str]:
    return sorted(row[name] for row in stored_rows(root))


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_all_rows_of_a_device_go_and_no_other_row_does(tmp_path: Path, compression: Compression) -> None:
    make_store(tmp_path)
    run_maintenance(tmp_path, replace(QUICK, compression=compression))
    before = stored_rows(tmp_path)
    names = [segment.path for segment in closed_segments(tmp_path, TOPIC)]
    found = run_forget(tmp_path, devices=["d3"])
    theirs = [row for row in before if row["device_id"] == "d3"]
    assert found.rows == len(theirs) > 10
    assert len(found.days) == 3
    assert stored_rows(tmp_path) == [row for row in before if row["device_id"] != "d3"]
    # The names say which offsets were looked at, and so they stay.
    assert [segment.path for segment in closed_segments(tmp_path, TOPIC)] == names
    assert run_forget(tmp_path, devices=["d3"]).rows == 0


def test_users_devices_and_sources_are_told_apart(tmp_path: Path) -> None:
    people: list[dict[str, Any]] = [
        {"user_id": "u1", "device_id": "a", "source": "shop"},
        {"user_id": "u1", "device_id": "b", "source": "app"},
        {"user_id": "u2", "device_id": "u1", "source": "shop"},
        {"user_id": "u11", "device_id": "c", "source": "shop"},
        {"user_id": AWKWARD, "device_id": "e", "source": "shop"},
        {"user_id": "x", "device_id": "f", "source": "shop", "page_title": "u1", "properties": {"t": AWKWARD}},
    ]
    make_day(tmp_path, [[event(number, 0, **fields) for number, fields in enumerate(people)]])
    assert run_forget(tmp_path, users=["nobody"], devices=["u11"]).rows == 0
    assert run_forget(tmp_path, users=["u1"], source="shop").rows == 1
    assert rows_of(tmp_path, "device_id") == ["b", "c", "e", "f", "u1"]
    assert run_forget(tmp_path, users=["u1", AWKWARD], devices=["c", "nobody"]).rows == 3
    assert rows_of(tmp_path, "device_id") == ["f", "u1"]


def test_what_was_removed_is_written_down_without_the_id(tmp_path: Path) -> None:
    make_day(tmp_path, [[event(n, 0, device_id="secret" if n in (2, 3, 7) else "d") for n in range(9)]])
    make_day(tmp_path, [[event(0, 1, 1, device_id="secret")]])
    run_forget(tmp_path, devices=["secret"])
    removals = read_removals(tmp_path, TOPIC)
    assert [(r.kind, r.date[-2:], r.partition, r.first_offset, r.last_offset, r.rows) for r in removals] == [
        ("forget", "20", 0, 2, 7, 3),
        ("forget", "21", 1, 0, 0, 1),
    ]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]


def test_a_segment_whose_rows_are_all_gone_stays_as_an_empty_one(tmp_path: Path) -> None:
    make_day(tmp_path, [[event(0, 0, device_id="x")], [event(1, 0)]])
    run_forget(tmp_path, devices=["x"])
    assert [(s.first_offset, s.last_offset) for s in closed_segments(tmp_path, TOPIC)] == [(0, 0), (1, 1)]
    run_maintenance(tmp_path)
    assert [(s.first_offset, s.last_offset) for s in closed_segments(tmp_path, TOPIC)] == [(0, 1)]
    assert rows_of(tmp_path, "_offset") == ["1"]


def test_without_a_feeder_the_job_closes_the_active_segment_itself(tmp_path: Path) -> None:
    make_day(tmp_path, [[event(0, 0, device_id="x"), event(1, 0)]], close=False)
    make_day(tmp_path, [[event(0, 0, 1)]], close=False)
    assert run_forget(tmp_path, devices=["x"]).rows == 1
    assert rows_of(tmp_path, "device_id") == ["d0", "d1"]
    # Only the segment that has such a row is closed.
    assert len(closed_segments(tmp_path, TOPIC)) == 1
    other = read_checkpoint(paths(tmp_path, 1).checkpoint)
    assert other
    assert other.active


def test_a_feeder_closes_its_segment_when_it_is_asked(tmp_path: Path) -> None:
    writer = open_partition(paths(tmp_path), FeederPolicy(), FIRST_DAY)
    writer.append(columns([event(0, 0, device_id="x"), event(1, 0)]))
    writer.commit(FIRST_DAY)
    soon = FIRST_DAY + timedelta(seconds=1)
    writer.commit_if_due(soon)
    writer.finish_commit()
    assert writer.checkpoint.active
    stop = threading.Event()

    def feed() -> None:
        while not stop.wait(0.05):
            writer.commit_if_due(soon)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        assert run_forget(tmp_path, devices=["x"]).rows == 1
    finally:
        stop.set()
        feeder.join()
    assert rows_of(tmp_path, "device_id") == ["d1"]
    # The request is taken back, and the feeder goes on.
    assert not (maintenance_dir(tmp_path) / "CLOSE").exists()
    writer.append(columns([event(2, 0)]))
    writer.commit(FIRST_DAY)
    assert rows_of(tmp_path, "device_id") == ["d1", "d2"]
    writer.release()


def test_a_feeder_that_does_not_close_is_told_and_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "_PATIENCE", 0.3)
    writer = open_partition(paths(tmp_path), FeederPolicy(), FIRST_DAY)
    writer.append(columns([event(0, 0, device_id="x")]))
    writer.commit(FIRST_DAY)
    active = writer.checkpoint.active
    assert active
    with pytest.raises(StillActiveError, match=f"its feeder has not closed {active.name}"):
        run_forget(tmp_path, devices=["x"])
    assert not close_requested(tmp_path, active.name)
    assert rows_of(tmp_path, "device_id") == ["x"]
    writer.release()


def test_dead_letters_are_blanked_where_they_are(tmp_path: Path) -> None:
    bad = [
        b'{"user_id":"u1"}',
        b"junk of u1.",
        b'{"user_id":"u11"}',
        json.dumps({"user_id": AWKWARD}).encode(),
        b"\xff",
    ]
    writer = open_partition(paths(tmp_path), FeederPolicy(), FIRST_DAY)
    writer.append(columns([record(number, value=value) for number, value in enumerate(bad)]))
    writer.append(columns([msgspec.structs.replace(record(5, value=b"of nobody"), key=b"u1")]))
    writer.commit(FIRST_DAY)
    size = paths(tmp_path).dead_letters.stat().st_size
    # What follows was never committed, and is none of ours.
    with paths(tmp_path).dead_letters.open("ab") as file:
        file.write(b'{"key":null,"value":"')
    before = dead_letters_of(tmp_path, size)
    writer.release()
    assert run_forget(tmp_path, users=["u1", AWKWARD]).dead_letters == 4
    after = dead_letters_of(tmp_path, size)
    values = [base64.b64decode(str(letter["value"])) for letter in after]
    blank = {number: b"\0" * len(bad[number]) for number in (0, 1, 3)} | {5: b"\0" * len(b"of nobody")}
    assert values == [blank.get(number, value) for number, value in enumerate([*bad, b"of nobody"])]
    assert [base64.b64decode(str(letter["key"])) for letter in after][4:] == [b"k", b"\0\0"]
    for letter in (*before, *after):
        del letter["key"], letter["value"]
    assert after == before
    open_partition(paths(tmp_path), FeederPolicy(), FIRST_DAY).release()
    assert len(dead_letters(tmp_path)) == 6


def dead_letters_of(root: Path, size: int) -> list[dict[str, object]]:
    return [json.loads(line) for line in paths(root).dead_letters.read_bytes()[:size].splitlines()]


@pytest.mark.parametrize("kafka", ["real"], indirect=True)
def test_the_command_counts_asks_and_removes(
    tmp_path: Path, settings: Settings, topic: str, capfd: pytest.CaptureFixture[str]
) -> None:
    settings.STORE_DIR = tmp_path
    rows = make_store(tmp_path, days=2, partitions=1)
    out = io.StringIO()
    call_command("forget", "--device", "d1", "--dry-run", stdout=out)
    assert out.getvalue() == "Found 6 rows in 2 closed days.\n"
    with pytest.raises(CommandError, match="pass --yes where nobody can be asked"):
        call_command("forget", "--device", "d1", stdout=out)
    assert len(stored_rows(tmp_path)) == rows
    out = io.StringIO()
    started = time.monotonic()
    call_command("forget", "--device", "d1", "--device", "d2", "--user", "u", "--yes", stdout=out)
    assert f"Removed 12 rows in 2 closed days.\nThe topic {topic} keeps its records for 7 days, " in out.getvalue()
    assert len(stored_rows(tmp_path)) == rows - 12
    # When it returns, the files that had the rows are gone as well.
    assert time.monotonic() - started > 5
    assert not list(maintenance_dir(tmp_path).glob("date=*"))
    assert "d1" not in capfd.readouterr().err


def test_a_kafka_that_does_not_answer_is_told(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STORE_DIR, settings.KAFKA_BOOTSTRAP_SERVERS = tmp_path, f"127.0.0.1:{free_ports(1)}"
    monkeypatch.setattr("feeder_app.management.commands.forget.MaintenancePolicy", lambda: QUICK)
    make_day(tmp_path, [[event(0, 0, device_id="x")]])
    out = io.StringIO()
    call_command("forget", "--device", "x", "--yes", stdout=out)
    assert "Kafka does not say how long it keeps the records" in out.getvalue()
    assert stored_rows(tmp_path) == []


@pytest.mark.parametrize("arguments", [[], ["--user", ""], ["--source", "shop"], ["--device", "", "--user", "u"]])
def test_nobody_is_not_a_person(tmp_path: Path, settings: Settings, arguments: list[str]) -> None:
    """An empty id would be everybody who has none."""
    settings.STORE_DIR = tmp_path
    with pytest.raises(CommandError, match="Name the person"):
        call_command("forget", *arguments, "--yes")


def test_rows_that_arrive_while_it_runs_do_not_keep_it_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who goes on sending: what was committed when it began is removed."""
    make_day(tmp_path, [[event(0, 0, device_id="x")]], close=False)
    real = meeting.request_close

    def send_more(root: Path, _names: object) -> None:
        make_day(root, [[event(1, 0, device_id="x")]], close=False)
        monkeypatch.setattr(closing, "request_close", real)

    monkeypatch.setattr(closing, "request_close", send_more)
    assert run_forget(tmp_path, devices=["x"]).rows == 2
    assert stored_rows(tmp_path) == []
    make_day(tmp_path, [[event(2, 1, device_id="x")]], close=False)
    assert rows_of(tmp_path, "device_id") == ["x"]
