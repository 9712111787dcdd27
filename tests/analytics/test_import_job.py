"""One import after another of the same file: the ledger, interruption, resumption, and what is told of it."""

import csv
import gzip
import json
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analytics_app.deliveries import Delivery
from analytics_app.importing.batches import BATCH_ROWS, Message
from analytics_app.importing.errors import ImportFileError
from analytics_app.importing.job import run_import
from analytics_app.importing.ledger import Ledger
from analytics_app.importing.options import ImportOptions, ImportResult
from analytics_app.importing.progress import Lines, Rate, Status
from analytics_app.importing.report import exit_code, report
from analytics_app.importing.sending import KafkaSender
from brokerlytics.timestamps import parse_timestamp
from tests.analytics.conftest import RecordingProducer

NOW = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)
HEADER = "event_type,device_id,created_on,n\n"


class ListSender:
    """Acknowledges the first `batches` batches; the signal to stop comes during the next one."""

    problem = ""

    def __init__(self, batches: int | None = None) -> None:
        self.values: list[dict[str, Any]] = []
        self._left = batches

    def send(self, messages: Sequence[Message], stop: threading.Event) -> list[Delivery]:
        self.values += [json.loads(value) for _, value in messages]
        if self._left == 0:
            stop.set()
            return [Delivery.NOT_ACKNOWLEDGED] * len(messages)
        self._left = None if self._left is None else self._left - 1
        return [Delivery.ACKNOWLEDGED] * len(messages)


def rows(count: int, first: int = 0) -> str:
    """Rows of which every hundredth is bad; from the 1,201st on each is equal to an earlier one, in another batch."""
    return "".join(
        "A,,2025-01-01,x\n" if n % 100 == 99 else f"A,d,2025-01-01T10:00:00Z,{n % 1200}\n"
        for n in range(first, first + count)
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "history.csv"
    path.write_text(HEADER + rows(3500))
    return path


def load(file: Path | str, sender: ListSender | KafkaSender, **more: Any) -> ImportResult:
    ledger = Path(file).parent / "imports"
    asked: dict[str, Any] = {
        "source": "web",
        "format": "csv",
        "delimiter": ",",
        "columns": {},
        "received_on": NOW,
        "ledger": ledger,
    }
    options = ImportOptions(file=str(file), **(asked | more))
    return run_import(options, sender, threading.Event(), Lines(lambda _line: None))


def ids(sender: ListSender) -> list[str]:
    return [value["event_id"] for value in sender.values]


def test_a_whole_file(file: Path) -> None:
    sender = ListSender()
    result = load(file, sender)
    assert (result.complete, result.stopped, exit_code(result)) == (True, False, 1)
    assert (result.tally.rows, result.tally.accepted, result.tally.bad) == (3500, 3465, 35)
    assert len(set(ids(sender))) == 3465
    assert [value["properties"]["n"] for value in sender.values[:4]] == ["0", "1", "2", "3"]
    first = sender.values[0]
    assert parse_timestamp(first["created_on"]) == datetime(2025, 1, 1, 10, tzinfo=UTC)
    assert parse_timestamp(first["received_on"]) == NOW
    assert (first["source"], first["kind"]) == ("web", "track")


def test_a_second_import_sends_nothing(file: Path, tmp_path: Path) -> None:
    load(file, ListSender())
    other_name = tmp_path / "copy.csv"
    file.rename(other_name)
    sender = ListSender()
    result = load(other_name, sender)
    assert sender.values == []
    lines = report(result, 1.0, dry_run=False, resumable=True)
    assert len(lines) == 1
    assert "Imported already on 20" in lines[0]
    assert "into web (3,465 events accepted, 35 bad lines)" in lines[0]
    assert "--again" in lines[0]
    assert exit_code(result) == 0


def test_again_sends_the_same_ids(file: Path) -> None:
    first, again, other = ListSender(), ListSender(), ListSender()
    load(file, first)
    load(file, again, again=True, received_on=datetime(2026, 8, 23, tzinfo=UTC))
    load(file, other, source="app")
    assert ids(again) == ids(first)
    assert len(other.values) == len(first.values)
    assert not set(ids(other)) & set(ids(first))


@pytest.mark.parametrize("acknowledged", [0, 1, 3])
@pytest.mark.parametrize("packed", [False, True])
def test_an_interrupted_import_goes_on_after_the_last_acknowledged_row(
    file: Path, tmp_path: Path, acknowledged: int, packed: bool
) -> None:
    whole, before, after = ListSender(), ListSender(acknowledged), ListSender()
    load(file, whole, ledger=None)
    if packed:
        file.write_bytes(gzip.compress(file.read_bytes()))
    bad = tmp_path / "bad.csv"
    stopped = load(file, before, bad_file=bad)
    assert (stopped.stopped, stopped.complete, exit_code(stopped)) == (True, False, 130)
    assert stopped.tally.rows == acknowledged * BATCH_ROWS
    result = load(file, after, bad_file=bad)
    assert result.complete
    settled = acknowledged * BATCH_ROWS * 99 // 100
    # Row-exact: what was acknowledged is not sent again, all else is, with the ids of an import in one go.
    assert ids(before)[:settled] + ids(after) == ids(whole)
    assert len(after.values) == 3465 - settled
    assert load(file, ListSender()).before == result_entry(file)
    lines = [line for line, *_ in csv.reader(bad.read_text().splitlines())]
    assert lines == ["line", *map(str, range(101, 3502, 100))]


def result_entry(file: Path) -> Any:
    [path] = (file.parent / "imports").glob("*.json")
    entry = json.loads(path.read_text())
    assert (entry["rows"], entry["accepted"], entry["bad"], entry["complete"]) == (3500, 3465, 35, True)
    assert entry["file"] == "history.csv"
    with Ledger(file.parent / "imports", "web", "unknown") as other:
        assert other.read() is None
    ledger = Ledger(file.parent / "imports", "web", "unknown")
    ledger._path = path
    return ledger.read()


def test_a_part_of_a_file_is_not_mixed_with_another_map(file: Path) -> None:
    load(file, ListSender(1))
    with pytest.raises(ImportFileError, match="imported in part with --format csv --delimiter ',': go on"):
        load(file, ListSender(), columns={"user_id": "n"})
    assert load(file, ListSender(), columns={"user_id": "n"}, again=True).complete


def test_a_limit_is_a_part_that_can_be_gone_on_with(file: Path) -> None:
    whole, part, rest = ListSender(), ListSender(), ListSender()
    load(file, whole, ledger=None)
    result = load(file, part, limit=1500)
    assert (result.tally.rows, result.complete, result.stopped) == (1500, False, False)
    assert load(file, rest).complete
    assert ids(part) + ids(rest) == ids(whole)


def test_a_crash_loses_no_row(file: Path) -> None:
    """The process dies between two batches: what the ledger has is a prefix that was acknowledged."""

    class DyingSender(ListSender):
        def send(self, messages: Sequence[Message], stop: threading.Event) -> list[Delivery]:
            if len(self.values) > 1500:
                raise OSError("died")
            return super().send(messages, stop)

    whole, dying, after = ListSender(), DyingSender(), ListSender()
    load(file, whole, ledger=None)
    with pytest.raises(OSError, match="died"):
        load(file, dying)
    load(file, after)
    assert ids(after) == ids(whole)[-len(after.values) :]
    assert set(ids(dying)) | set(ids(after)) == set(ids(whole))


def test_one_process_at_a_time(file: Path) -> None:
    class SecondImport(ListSender):
        def send(self, messages: Sequence[Message], stop: threading.Event) -> list[Delivery]:
            with pytest.raises(ImportFileError, match=f"already, by the process {os.getpid()}"):
                load(file, ListSender())
            return super().send(messages, stop)

    assert load(file, SecondImport()).complete


def test_a_record_that_cannot_be_read_is_told(file: Path) -> None:
    load(file, ListSender())
    [path] = (file.parent / "imports").glob("*.json")
    path.write_text("{")
    with pytest.raises(ImportFileError, match=f"{path.name} .* damaged: .*--again"):
        load(file, ListSender())
    assert load(file, ListSender(), again=True).complete


def test_a_damaged_file_is_not_complete(file: Path) -> None:
    file.write_bytes(gzip.compress((HEADER + rows(200)).encode()) + gzip.compress(os.urandom(5000).hex().encode())[:-9])
    sender = ListSender()
    result = load(file, sender)
    assert len(sender.values) == 198
    assert result.tally.reasons == {"missing_field": 2, "damaged_file": 1}
    assert result.tally.first_bad[-1].line == 202
    assert not result.complete
    assert exit_code(result) == 1


def test_a_file_that_grows_meanwhile_is_not_complete(file: Path) -> None:
    class Growing(ListSender):
        def send(self, messages: Sequence[Message], stop: threading.Event) -> list[Delivery]:
            with file.open("a") as more:
                more.write(rows(2, first=4000))
            return super().send(messages, stop)

    result = load(file, Growing())
    assert not result.complete
    assert any("changed while it was read" in line for line in report(result, 1, dry_run=False, resumable=True))
    whole, later = ListSender(), ListSender()
    load(file, whole, ledger=None)
    load(file, later)
    # The file is another one now, but the rows that it had before keep their ids.
    assert ids(later) == ids(whole)


def test_what_the_contract_refuses_and_what_it_gets(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    lines = [
        {
            "event_id": "mine",
            "received_on": "2025-01-02",
            "event_type": "A",
            "device_id": "d",
            "created_on": 1714557602,
        },
        {"event_type": "A", "device_id": "d", "created_on": "2027-01-01", "page_url": "https://e.org/p?utm_source=x"},
        {"event_type": "A", "device_id": "d", "created_on": "1000"},
        {"event_type": "x" * 201, "device_id": "d", "created_on": "2025-01-01"},
        {"event_type": "A", "device_id": "d", "created_on": "2025-01-01", "big": "x" * 40_000},
        {"event_type": "A", "device_id": "d", "created_on": "2025-01-01", "ip": "192.0.2.1", "context": {"a": 1}},
        {"event_type": "A", "device_id": "d", "created_on": "2025-01-01", "context": 1},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    sender = ListSender()
    result = load(path, sender, format="ndjson")
    assert [(bad.line, bad.code, bad.field) for bad in result.tally.first_bad] == [
        (3, "invalid_value", "created_on"),
        (4, "too_long", "event_type"),
        (5, "event_too_large", ""),
        (7, "invalid_type", "context"),
    ]
    own, future, with_ip = sender.values
    assert own["event_id"] == "mine"
    assert parse_timestamp(own["received_on"]) == datetime(2025, 1, 2, tzinfo=UTC)
    assert parse_timestamp(own["created_on"]) == datetime(2024, 5, 1, 10, 0, 2, tzinfo=UTC)
    assert (future["page_path"], future["utm_source"]) == ("/p", "x")
    assert future["context"] == {"flags": ["future"]}
    assert with_ip["context"] == {"a": 1}
    assert "192.0.2.1" not in str(sender.values)


def test_the_broker_is_waited_for_and_asked_for_the_rest(recorder: RecordingProducer) -> None:
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.NOT_ACKNOWLEDGED, Delivery.REFUSED, Delivery.NOT_ACKNOWLEDGED]
    sender = KafkaSender(wait=0.01)
    messages = [(b"k", bytes([n])) for n in range(4)]
    expected = [Delivery.ACKNOWLEDGED, Delivery.ACKNOWLEDGED, Delivery.REFUSED, Delivery.ACKNOWLEDGED]
    assert sender.send(messages, threading.Event()) == expected
    assert [value[0] for _, value in recorder.messages] == [0, 1, 2, 3, 1, 3]
    assert sender.problem == ""


def test_stopping_ends_the_wait(recorder: RecordingProducer) -> None:
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.NOT_ACKNOWLEDGED]
    stop = threading.Event()
    stop.set()
    sender = KafkaSender(wait=60)
    deliveries = sender.send([(b"k", b"a"), (b"k", b"b")], stop)
    assert deliveries == [Delivery.ACKNOWLEDGED, Delivery.NOT_ACKNOWLEDGED]
    assert "did not acknowledge 1 events" in sender.problem


def test_what_the_broker_refuses_is_a_bad_line(file: Path, recorder: RecordingProducer) -> None:
    file.write_text(HEADER + rows(3) + "A,,2025-01-01,x\n")
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.REFUSED]
    result = load(file, KafkaSender())
    assert (result.tally.accepted, result.complete) == (2, True)
    assert [(bad.line, bad.code) for bad in result.tally.first_bad] == [(3, "refused_by_broker"), (5, "missing_field")]


def test_lines_for_a_log() -> None:
    clock, lines = [100.0], list[str]()
    display = Lines(lines.append, lambda: clock[0])

    def show(at: float, accepted: int, problem: str = "", size: int | None = 4000) -> None:
        clock[0] = at
        display.show(Status("Importing", 1000, size, accepted, 1, problem))

    show(104.9, 10)
    assert lines == []
    show(105.0, 500)
    show(106.0, 900, "no broker")
    show(107.0, 900, "no broker")
    show(111.0, 900, "no broker")
    show(116.0, 1400, size=None)
    assert lines == [
        "Importing: 1.0 kB of 4.0 kB read, 500 events accepted, 1 bad, 100 per second",
        "Importing: 1.0 kB of 4.0 kB read, 900 events accepted, 1 bad, waiting: no broker",
        "Importing: 1.0 kB of 4.0 kB read, 900 events accepted, 1 bad, waiting: no broker",
        "Importing: 1.0 kB read, 1,400 events accepted, 1 bad, 100 per second",
    ]


def test_the_rate_of_the_bar_leaves_out_what_came_before() -> None:
    clock = [100.0]
    rate = Rate(lambda: clock[0])
    found = []
    for at, accepted in [(100, 0), (160, 0), (161, 1000), (163, 5000)]:
        clock[0] = at
        found.append(rate.now(accepted))
    assert found == [0, 0, 0, 2000]
