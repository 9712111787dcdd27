from datetime import UTC, datetime, timedelta
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
    assert datetime.fromisoformat(event["received_on"]) == NOW
    assert event["context"] == {"source": "forged", "received_on": "1999-01-01T00:00:00Z", "app": 1}


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


@pytest.mark.parametrize(("ahead", "flags"), [(FUTURE, None), (FUTURE + timedelta(seconds=1), [FROM_THE_FUTURE])])
def test_an_event_from_the_future_is_flagged_and_taken(ahead: timedelta, flags: list[str] | None) -> None:
    [event], rejected = check({**GOOD, "created_on": (NOW + ahead).isoformat()})
    assert rejected == []
    assert event.get("context", {}).get("flags") == flags
    assert datetime.fromisoformat(event["created_on"]) == NOW + ahead


def test_the_flags_of_the_client_are_kept() -> None:
    [event], _ = check({**GOOD, "created_on": "2050-01-01T00:00:00Z", "context": {"flags": ["mine"]}})
    assert event["context"]["flags"] == ["mine", FROM_THE_FUTURE]


def test_an_event_from_days_ago_is_not_flagged() -> None:
    [event], _ = check({**GOOD, "created_on": "2026-08-01T00:00:00Z"})
    assert event["created_on"] == event["original_created_on"]
    assert "context" not in event


@pytest.mark.parametrize(
    ("path", "items", "shared"),
    [
        ("/api/v1/events", [{**GOOD, "created_on": "2026-08-22T08:00:00Z", "sent_on": "2026-08-22T08:30:00Z"}], {}),
        (
            "/v1/batch",
            [{"type": "track", "event": "A", "userId": "u", "timestamp": "2026-08-22T08:00:00Z"}],
            {"sentAt": "2026-08-22T08:30:00Z"},
        ),
        (
            "/batch",
            [{"event": "A", "distinct_id": "u", "timestamp": "2026-08-22T08:00:00Z"}],
            {"sent_at": "2026-08-22T08:30:00Z"},
        ),
    ],
)
def test_a_clock_that_is_an_hour_behind_is_corrected(path: str, items: list[Any], shared: dict[str, Any]) -> None:
    [event], _ = validate(Reading(ENDPOINTS[path], items, shared), Sender("web", NOW))
    fields = msgspec.json.decode(event.value)
    assert datetime.fromisoformat(fields["created_on"]) == NOW - timedelta(minutes=30)
    assert datetime.fromisoformat(fields["original_created_on"]) == datetime(2026, 8, 22, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "item"),
    [
        ("/api/v1/events", {**GOOD, "ip": "198.51.100.7", "context": {"ip": "198.51.100.7"}}),
        ("/v1/track", {"event": "A", "userId": "u", "context": {"ip": "198.51.100.7"}, "ip": "198.51.100.7"}),
        ("/capture", {"event": "A", "distinct_id": "u", "properties": {"$ip": "198.51.100.7"}, "ip": "198.51.100.7"}),
    ],
)
def test_no_address_is_stored(path: str, item: dict[str, Any]) -> None:
    [event], _ = validate(Reading(ENDPOINTS[path], [item], {}), Sender("web", NOW, ip="203.0.113.9"))
    assert b"198.51" not in event.value
    assert b"203.0" not in event.value
