from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from analytics_app.body import UnreadableEvent
from analytics_app.endpoints import ENDPOINTS, NATIVE
from analytics_app.reading import Reading
from analytics_app.validation import FROM_THE_FUTURE, FUTURE, Rejection, Sender, validate
from brokerlytics.event import MAX_EVENT_BYTES

NOW = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)
GOOD = {"event_type": "A", "device_id": "d"}


def check(*items: Any) -> tuple[list[dict[str, Any]], list[Rejection]]:
    valid, rejected = validate(Reading(NATIVE, list(items), {}), Sender("web", NOW))
    return [msgspec.json.decode(event.value) for event in valid], rejected


def test_one_bad_event_spoils_no_other() -> None:
    reading = Reading(NATIVE, [GOOD, {"device_id": "d"}, 5, GOOD], {})
    valid, rejected = validate(reading, Sender("web", NOW))
    assert [event.index for event in valid] == [0, 3]
    assert [event.key for event in valid] == [b"d", b"d"]
    assert [(one.index, one.code, one.field) for one in rejected] == [
        (1, "missing_field", "event_type"),
        (2, "not_an_object", None),
    ]


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        (None, "not_an_object", None),
        ([GOOD], "not_an_object", None),
        ({"event_type": "A"}, "missing_field", "device_id"),
        ({**GOOD, "created_on": "yesterday"}, "invalid_value", "created_on"),
        ({**GOOD, "created_on": 1}, "invalid_type", "created_on"),
        ({**GOOD, "sent_on": "soon"}, "invalid_value", "sent_on"),
        ({**GOOD, "event_id": "x" * 101}, "too_long", "event_id"),
        ({**GOOD, "context": []}, "invalid_type", "context"),
        ({**GOOD, "context": [], "source": "x"}, "invalid_type", "context"),
        ({**GOOD, "properties": {"a": "\ud800"}}, "invalid_value", None),
        ({**GOOD, "\ud800": 1}, "invalid_value", None),
        ({**GOOD, "event_type": "a\x00"}, "invalid_value", "event_type"),
        ({**GOOD, "properties": {"a": "x" * MAX_EVENT_BYTES}}, "event_too_large", None),
        (UnreadableEvent("why"), "invalid_value", None),
    ],
)
def test_why_an_event_is_rejected(item: Any, code: str, field: str | None) -> None:
    valid, rejected = check(item, GOOD)
    assert len(valid) == 1
    assert [(one.index, one.code, one.field) for one in rejected] == [(0, code, field)]
    assert rejected[0].message


def test_the_server_says_source_and_time_of_receipt() -> None:
    [event], _ = check({**GOOD, "source": "forged", "received_on": "1999-01-01", "context": {"app": 1}})
    assert event["source"] == "web"
    assert event["received_on"] == "2026-08-22T09:30:00.000Z"
    assert event["context"] == {"source": "forged", "received_on": "1999-01-01", "app": 1}


def test_event_ids() -> None:
    events, _ = check({**GOOD, "event_id": "mine"}, {**GOOD, "event_id": 7}, GOOD, {**GOOD, "event_id": None})
    assert [event["event_id"] for event in events[:2]] == ["mine", "7"]
    made = [UUID(event["event_id"]) for event in events[2:]]
    assert [one.version for one in made] == [7, 7]
    assert made[0] != made[1]


def test_of_two_events_with_one_id_the_first_good_one_is_taken() -> None:
    twin = {**GOOD, "event_id": "e"}
    events, rejected = check({"event_id": "e"}, twin, twin, {**GOOD, "event_id": "f"})
    assert [event["event_id"] for event in events] == ["e", "f"]
    assert [(one.index, one.event_id, one.code) for one in rejected] == [
        (0, "e", "missing_field"),
        (2, "e", "duplicate_event_id"),
    ]


@pytest.mark.parametrize(
    ("event_id", "echo"), [("e", "e"), ("x" * 200, "x" * 100), ("\ud800", None), ({"a": 1}, None), ("", None)]
)
def test_a_rejection_says_the_id_where_json_can(event_id: Any, echo: str | None) -> None:
    _, rejected = check({"event_id": event_id})
    assert rejected[0].event_id == echo
    msgspec.json.encode(rejected)
