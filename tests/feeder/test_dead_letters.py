"""Every kind of bad message ends in the dead letters, and an operator finds it there. On a real broker."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from django.core.management import CommandError, call_command
from pytest_django import Settings

from brokerlytics.dead_letters import DeadLetter
from brokerlytics.event import Reason
from brokerlytics.kafka import client_config
from brokerlytics.store import PartitionPaths
from feeder_app.dead_letters.inbox import read_inbox
from feeder_app.dead_letters.mending import mended, parse_field
from tests.feeder.support import stored_rows
from tests.feeder.test_feeder import drain, events, make_topic

ROOT = Path(__file__).parents[2]
NAMED = '"event_type":"A","device_id":"d"'
# Each with the reason and the field that its dead letter tells.
BAD: dict[str, tuple[bytes | None, Reason, str | None]] = {
    "tombstone": (None, Reason.EMPTY_VALUE, None),
    "empty": (b"", Reason.EMPTY_VALUE, None),
    "text": (b"junk", Reason.NOT_JSON, None),
    "bytes": (bytes(range(256)), Reason.NOT_JSON, None),
    "not UTF-8": (b'{"event_type":"\xff\xfe","device_id":"d"}', Reason.NOT_JSON, None),
    "gzip": (b"\x1f\x8b\x08\x00" + b"\x00" * 20, Reason.NOT_JSON, None),
    "cut": (b'{"event_type":"A","device', Reason.NOT_JSON, None),
    "deep": (b'{"properties":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, Reason.NOT_JSON, None),
    "lone surrogate": (b'{"event_type":"\\ud800","device_id":"d"}', Reason.NOT_JSON, None),
    "list": (b"[1,2]", Reason.NOT_AN_OBJECT, None),
    "number": (b"17", Reason.NOT_AN_OBJECT, None),
    "version": (f'{{"v":2,{NAMED}}}'.encode(), Reason.UNSUPPORTED_VERSION, "v"),
    "no name": (b'{"device_id":"d"}', Reason.MISSING_FIELD, "event_type"),
    "nobody": (b'{"event_type":"A"}', Reason.MISSING_FIELD, "device_id"),
    "type": (f'{{{NAMED},"source":17}}'.encode(), Reason.INVALID_TYPE, "source"),
    "properties": (f'{{{NAMED},"properties":[1]}}'.encode(), Reason.INVALID_TYPE, "properties"),
    "time": (f'{{{NAMED},"created_on":"yesterday"}}'.encode(), Reason.INVALID_VALUE, "created_on"),
    "kind": (f'{{{NAMED},"kind":"x"}}'.encode(), Reason.INVALID_VALUE, "kind"),
    "NUL": (f'{{{NAMED},"source":"a\\u0000b"}}'.encode(), Reason.INVALID_VALUE, "source"),
    "revenue": (f'{{{NAMED},"revenue":1e99}}'.encode(), Reason.INVALID_VALUE, "revenue"),
    "long": (f'{{{NAMED},"source":"{"x" * 101}"}}'.encode(), Reason.TOO_LONG, "source"),
    "huge": (f'{{"device_id":"d","event_type":"{"x" * 900_000}"}}'.encode(), Reason.TOO_LONG, "event_type"),
}

real = pytest.mark.parametrize("kafka", ["real"], indirect=True)


def fill(root: Path) -> str:
    """A topic of one partition with every bad message between events, and its store."""
    topic = make_topic()
    producer = Producer(client_config(enable_idempotence=True))
    for number, (value, _, _) in enumerate(BAD.values()):
        producer.produce(topic, events(number, 1)[0], key=b"k")
        producer.produce(topic, value, key=f"bad-{number}".encode())
    assert producer.flush(30) == 0
    drain(root, topic)
    return topic


@pytest.fixture
def filled(kafka: str, settings: Settings, tmp_path: Path) -> str:  # noqa: ARG001 (the topic is on it)
    settings.STORE_DIR = tmp_path
    return fill(tmp_path)


def run(*args: str, topic: str) -> str:
    out = io.StringIO()
    call_command("deadletters", "--topic", topic, *args, stdout=out)
    return out.getvalue()


def listed(topic: str, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("list", "--json", *args, topic=topic).splitlines()]


@real
def test_every_kind_of_bad_message_is_parked_with_its_bytes(filled: str, settings: Settings) -> None:
    items = list(read_inbox(settings.STORE_DIR, filled))
    found = [(x.letter.topic, x.letter.partition, x.letter.offset, x.letter.reason, x.letter.field) for x in items]
    assert found == [
        (filled, 0, 2 * number + 1, reason, field) for number, (_, reason, field) in enumerate(BAD.values())
    ]
    assert [item.letter.value for item in items] == [value for value, _, _ in BAD.values()]
    assert [item.letter.key for item in items] == [f"bad-{number}".encode() for number in range(len(BAD))]
    assert all(item.letter.message for item in items)
    # What lay between them is stored.
    assert len(stored_rows(settings.STORE_DIR, filled)) == len(BAD)


def test_each_reason_of_a_dead_letter_is_tried() -> None:
    """EVENT_TOO_LARGE is said to clients only: what is on the topic is stored however large it is."""
    assert {reason for _, reason, _ in BAD.values()} == set(Reason) - {Reason.EVENT_TOO_LARGE}


@real
def test_the_list_is_filtered_and_says_nothing_of_the_bytes(filled: str) -> None:
    first = listed(filled)[0]
    assert list(first) == ["topic", "partition", "offset", "time", "reason", "field", "message", "state"]
    assert (first["partition"], first["offset"], first["reason"], first["state"]) == (0, 1, "empty_value", "waiting")
    assert {line["reason"] for line in listed(filled, "--reason", "too_long")} == {"too_long"}
    assert len(listed(filled, "--partition", "0")) == len(BAD)
    assert listed(filled, "--partition", "1") == listed(filled, "--state", "requeued") == []
    lines = run("list", topic=filled).splitlines()
    assert len(lines) == len(BAD)
    assert lines[2].startswith("0:5  20")
    assert "not_json" in lines[2]


@real
def test_one_letter_is_shown_as_far_as_it_can_be_read(filled: str) -> None:
    offset = 2 * list(BAD).index("not UTF-8") + 1
    shown = run("show", f"0:{offset}", topic=filled)
    assert "reason: not_json" in shown
    assert r'value (35 bytes): {"event_type":"\xff\xfe","device_id":"d"}' in shown
    assert "value (0 bytes): none" in run("show", "0:1", topic=filled)
    with pytest.raises(CommandError, match=r"no dead letter .*at 0:2\. See `deadletters list`"):
        run("show", "0:2", topic=filled)


@real
@pytest.mark.parametrize("kind", ["bytes", "tombstone", "huge"])
def test_the_raw_bytes_go_to_standard_output(
    filled: str, settings: Settings, product_env: dict[str, str], kind: str
) -> None:
    offset = 2 * list(BAD).index(kind) + 1
    command = [sys.executable, "manage.py", "deadletters", "show", "--raw", f"0:{offset}"]
    env = product_env | {"STORE_DIR": str(settings.STORE_DIR), "KAFKA_TOPIC": filled}
    assert subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True).stdout == (BAD[kind][0] or b"")


@real
def test_letters_are_dropped_and_their_bytes_stay(filled: str, settings: Settings) -> None:
    path = PartitionPaths(settings.STORE_DIR, filled, 0).dead_letters
    before = path.read_bytes()
    assert run("drop", "0:1", "0:3", topic=filled) == "2 letters are marked as dropped.\n"
    assert run("drop", "--reason", "empty_value", topic=filled) == "0 letters are marked as dropped.\n"
    assert [line["offset"] for line in listed(filled, "--state", "dropped")] == [1, 3]
    assert run("drop", "--all", topic=filled) == f"{len(BAD) - 2} letters are marked as dropped.\n"
    assert path.read_bytes() == before
    assert run("requeue", "--all", topic=filled) == "0 letters were sent again.\n"


@real
def test_a_mended_letter_is_stored(filled: str, settings: Settings) -> None:
    with pytest.raises(CommandError, match="is no JSON object and cannot be mended"):
        run("requeue", "--all", "--set", "event_type=B", topic=filled)
    with pytest.raises(CommandError, match="would be no event even so: device_id or user_id is required"):
        run("requeue", "--reason", "missing_field", "--set", "event_type=B", topic=filled)
    assert not listed(filled, "--state", "requeued")
    offset = 2 * list(BAD).index("no name") + 1
    assert run("requeue", f"0:{offset}", "--set", "event_type=B", "--set", "revenue=2.5", topic=filled).startswith(
        "1 l"
    )
    drain(settings.STORE_DIR, filled)
    (row,) = [row for row in stored_rows(settings.STORE_DIR, filled) if row["event_type"] == "B"]
    assert (row["device_id"], row["revenue"]) == ("d", "2.5")


@real
@pytest.mark.parametrize(
    "args", [("requeue",), ("drop",), ("drop", "0:1", "--all"), ("requeue", "0:1", "--set", "x=1")]
)
def test_what_is_not_said_clearly_does_nothing(filled: str, args: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*args, topic=filled)
    assert {line["state"] for line in listed(filled)} == {"waiting"}


def letter(value: bytes | None) -> DeadLetter:
    return DeadLetter("t", 1, 2, 1_700_000_000_000, "not_json", None, "m", None, value)


def test_fields_of_a_command_line() -> None:
    assert parse_field("event_type=a=b") == ("event_type", "a=b")
    assert parse_field("revenue=1.5") == ("revenue", 1.5)
    assert parse_field('properties={"a":1}') == ("properties", {"a": 1})
    assert parse_field("currency=") == ("currency", None)
    assert parse_field("v=1") == ("v", 1)
    for text in ("event_type", "nothing=1", "revenue=x"):
        with pytest.raises(ValueError, match=text):
            parse_field(text)


def test_mending_sets_and_takes_out_fields_and_keeps_when_it_first_came() -> None:
    value = b'{"v":2,"event_type":"A","device_id":"d","currency":"EURO"}'
    fixed = json.loads(mended(letter(value), {"v": 1, "currency": None}) or b"")
    assert fixed == {"v": 1, "event_type": "A", "device_id": "d", "received_on": "2023-11-14T22:13:20.000Z"}
    assert mended(letter(value), {}) == value
    assert mended(letter(None), {}) is None
