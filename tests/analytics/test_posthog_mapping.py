"""PostHog's events in the names of the event contract."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_app.mapping.posthog import KNOWN_EVENTS, posthog_event
from brokerlytics.event import InvalidEventError, Reason
from brokerlytics.timestamps import format_timestamp
from tests.analytics.mapping_cases import (
    ANY_SPEED,
    CHROME,
    JSON,
    RECEIVED_ON,
    Row,
    documented,
    leaves,
    objects,
    put,
    stored,
)

AT = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)
EVENT: dict[str, Any] = {"event": "E", "distinct_id": "d-1"}
NAMES = [
    *(
        "event",
        "distinct_id",
        "$distinct_id",
        "uuid",
        "messageId",
        "type",
        "properties",
        "$set",
        "$set_once",
        "context",
    ),
    *("timestamp", "offset", "sent_at", "library", "library_version", "token", "api_key", "ip", "$ip", "group_id"),
]
PROPERTY_NAMES = [
    *("$current_url", "$pathname", "$title", "$referrer", "$os", "$os_version", "$browser", "$device_type"),
    *("$session_id", "$device_id", "$user_id", "$is_identified", "$app_version", "$screen_name", "$lib", "$locale"),
    *("$geoip_country_code", "$raw_user_agent", "$insert_id", "$anon_distinct_id", "$group_key", "$sent_at", "$ip"),
    *("distinct_id", "token", "revenue", "currency", "name", "$process_person_profile", "utm_source"),
]
# They become columns or corrections, or are dropped.
NOT_KEPT = {"timestamp", "offset", "sent_at", "sentAt", "$sent_at", "token", "api_key", "ip", "$ip"}


def mapped(**properties: Any) -> dict[str, Any]:
    return posthog_event(EVENT | {"properties": properties})


@pytest.mark.parametrize("row", documented("PostHog"), ids=str)
def test_the_document_says_what_becomes_of_a_field(row: Row) -> None:
    item: dict[str, Any] = {"event": "E", "properties": {}}
    if "distinct_id" not in row.field:
        item["distinct_id"] = "someone"
    put(item, row.field, row.example)
    event = stored(posthog_event(item))
    value = getattr(event, row.column)
    assert (format_timestamp(value) if isinstance(value, datetime) else value) == row.stored


@pytest.mark.parametrize(("name", "known"), KNOWN_EVENTS.items())
def test_the_document_names_every_event_that_is_known(name: str, known: tuple[str, str]) -> None:
    rows = {(row.column, row.stored) for row in documented("PostHog") if row.example == name}
    assert rows == {("kind", known[0]), ("event_type", known[1])}


def test_a_page_view_of_the_browser_sdk() -> None:
    item = {
        "uuid": "0198d0c5-8b4b-7f3a-9c55-000000000001",
        "event": "$pageview",
        "properties": {
            "$os": "Windows",
            "$os_version": "10.0",
            "$browser": "Chrome",
            "$browser_version": 126,
            "$device_type": "Desktop",
            "$current_url": "https://a.example/b?utm_source=news",
            "$pathname": "/b",
            "$raw_user_agent": CHROME,
            "$referrer": "$direct",
            "$referring_domain": "$direct",
            "$browser_language": "en-GB",
            "$lib": "web",
            "$lib_version": "1.449.0",
            "$insert_id": "q7v2",
            "$time": 1787391000.0,
            "distinct_id": "0198d0c5-aaaa",
            "$device_id": "0198d0c5-aaaa",
            "$session_id": "0198d0c5-ssss",
            "$is_identified": False,
            "$process_person_profile": False,
            "title": "B",
            "utm_source": "news",
            "token": "key",
            "$ip": "203.0.113.7",
        },
        "$set_once": {"$initial_referrer": "$direct"},
        "offset": 3001,
    }
    before = deepcopy(item)
    fields = posthog_event(item, batch={"sent_at": RECEIVED_ON})
    assert item == before
    assert fields["_ip"] == "203.0.113.7"
    event = stored(fields)
    assert (event.kind, event.event_type, event.event_id) == ("page", "PAGE_VIEW", item["uuid"])
    assert (event.device_id, event.user_id, event.session_id) == ("0198d0c5-aaaa", None, "0198d0c5-ssss")
    assert (event.page_url, event.page_path) == ("https://a.example/b?utm_source=news", "/b")
    assert (event.page_title, event.referrer, event.utm_source) == ("B", None, "news")
    assert (event.platform, event.os, event.browser, event.device_type) == ("web", "Windows 10.0", "Chrome", "desktop")
    assert event.created_on == event.original_created_on == RECEIVED_ON - timedelta(milliseconds=3001)
    assert event.properties["$set_once"] == {"$initial_referrer": "$direct"}
    assert event.context == {}
    assert not {"token", "$ip", "203.0.113.7", "key"} & (set(event.properties) | set(leaves(event.properties)))


def test_an_event_of_the_python_sdk() -> None:
    item = {
        "properties": {"plan": "pro", "$lib": "posthog-python", "$lib_version": "7.91.1", "$geoip_disable": True},
        "timestamp": "2026-08-22T09:30:02.485271+00:00",
        "distinct_id": "u-1",
        "event": "Signed up",
        "uuid": "2bfa7a6e-36af-42e9-9733-de564123bd34",
    }
    batch = {"historical_migration": False, "sent_at": "2026-08-22T09:30:04.000000+00:00", "api_key": "key"}
    event = stored(posthog_event(item, batch=batch))
    assert (event.kind, event.event_type, event.platform) == ("track", "Signed up", "server")
    assert (event.user_id, event.device_id) == ("u-1", "u-1")
    assert event.properties == item["properties"]
    assert event.context == {"historical_migration": False}
    assert event.created_on == AT + timedelta(milliseconds=3485)


def test_a_screen_of_the_ios_sdk() -> None:
    properties = {
        "$lib": "posthog-ios",
        "$os": "iOS",
        "$os_version": "18.1",
        "$device_type": "Mobile",
        "$screen_name": "Home",
        "$app_version": "3.1.4",
        "$locale": "de-DE",
        "$is_identified": True,
    }
    event = stored(posthog_event({"event": "$screen", "distinct_id": "u-1", "properties": properties}))
    assert (event.kind, event.event_type, event.properties["name"]) == ("screen", "SCREEN_VIEW", "Home")
    assert (event.platform, event.os, event.device_type) == ("ios", "iOS 18.1", "mobile")
    assert (event.app_version, event.locale, event.user_id) == ("3.1.4", "de-DE", "u-1")


def test_a_library_for_many_systems_leaves_the_platform_to_the_system() -> None:
    assert mapped(**{"$lib": "posthog-react-native", "$os": "Android"})["platform"] == "android"
    assert posthog_event(EVENT | {"library": "posthog-node"})["platform"] == "server"


@pytest.mark.parametrize(
    ("event", "properties", "ids"),
    [
        ("E", {}, ("d-1", None)),
        ("E", {"$device_id": "d-1"}, ("d-1", None)),
        ("E", {"$device_id": "x"}, ("x", "d-1")),
        ("E", {"$device_id": "x", "$is_identified": False}, ("x", None)),
        ("E", {"$device_id": "d-1", "$is_identified": True}, ("d-1", "d-1")),
        ("E", {"$device_id": "x", "$user_id": "d-1", "$is_identified": False}, ("x", "d-1")),
        ("E", {"$lib": "posthog-node"}, ("d-1", "d-1")),
        ("E", {"$lib": "posthog-node", "$process_person_profile": False}, ("d-1", None)),
        ("E", {"$device_id": ["x"]}, ("d-1", None)),
        ("$identify", {}, ("d-1", "d-1")),
        ("$identify", {"$anon_distinct_id": "anon"}, ("anon", "d-1")),
        ("$identify", {"$anon_distinct_id": "anon", "$device_id": "x"}, ("x", "d-1")),
    ],
)
def test_who_is_identified_is_a_user(event: str, properties: dict[str, Any], ids: tuple[str, str | None]) -> None:
    fields = posthog_event({"event": event, "distinct_id": "d-1", "properties": properties})
    assert (fields["device_id"], fields.get("user_id")) == ids
    assert "d-1" in ids or fields["context"] == {"distinct_id": "d-1"}


@pytest.mark.parametrize(
    ("times", "batch", "created_on", "kept"),
    [
        ({"timestamp": "2026-08-22T09:30:00Z", "sent_at": "2026-08-22T09:30:04Z"}, {}, AT + timedelta(seconds=1), {}),
        ({"timestamp": "2026-08-22T09:30:00Z"}, {"sentAt": "2026-08-22T09:30:04Z"}, AT + timedelta(seconds=1), {}),
        ({"offset": 1000}, {"sent_at": 1787391009000}, RECEIVED_ON - timedelta(seconds=1), {}),
        ({"offset": 1000, "properties": {"$sent_at": "2026-08-22T09:31:00Z"}}, {}, AT + timedelta(seconds=4), {}),
        ({"offset": 1000}, {}, RECEIVED_ON, {"offset": 1000}),
        ({"offset": "1000"}, {"sent_at": 1787391009000}, RECEIVED_ON, {"offset": "1000"}),
        ({"offset": -5}, {"sent_at": 1787391009000}, RECEIVED_ON, {"offset": -5}),
        ({"offset": True}, {"sent_at": 1787391009000}, RECEIVED_ON, {"offset": True}),
        ({"offset": 5000}, {"sent_at": 1}, RECEIVED_ON, {"offset": 5000}),
        ({"offset": 9, "timestamp": "2026-08-22T09:30:00Z"}, {}, AT, {"offset": 9}),
        ({"sent_at": "soon"}, {}, RECEIVED_ON, {"sent_at": "soon"}),
    ],
)
def test_when_it_happened(times: dict[str, Any], batch: dict[str, Any], created_on: datetime, kept: Any) -> None:
    event = stored(posthog_event(EVENT | times, batch=batch))
    assert (event.created_on, event.context) == (created_on, kept)


@pytest.mark.parametrize(
    ("properties", "column", "value"),
    [
        ({"$current_url": 3}, "page_url", "3"),
        ({"$current_url": ["https://"]}, "page_url", None),
        ({"$pathname": "/" + "x" * 3000}, "page_path", ("/" + "x" * 3000)[:2048]),
        ({"$title": "", "title": "B"}, "page_title", "B"),
        ({"$browser": "a\x00b"}, "browser", None),
        ({"$os": {"name": "iOS"}}, "os", None),
        ({"$os": "iOS", "$os_version": 18}, "os", "iOS 18"),
        ({"$session_id": "x" * 201}, "session_id", None),
        ({"$device_type": 3}, "device_type", None),
    ],
)
def test_what_does_not_fit_a_column_stays_a_property(properties: dict[str, Any], column: str, value: Any) -> None:
    fields = mapped(**properties)
    assert fields.get(column) == value
    assert stored(fields).properties == properties


def test_members_beside_the_properties_are_kept() -> None:
    item = EVENT | {
        "type": "capture",
        "$set": {"a": 1},
        "group_id": 7,
        "properties": {"$set": {"b": 2}},
        "api_key": "key",
    }
    fields = posthog_event(item)
    assert fields["properties"] == {"$set": {"b": 2}}
    assert fields["context"] == {"type": "capture", "$set": {"a": 1}, "group_id": 7}
    assert posthog_event(EVENT | {"properties": ["a"]})["context"] == {"properties": ["a"]}
    group = posthog_event({"event": "$groupidentify", "distinct_id": "d", "properties": {"$group_key": "acme"}})
    assert group["context"] == {"group_id": "acme"}


@pytest.mark.parametrize(
    ("members", "reason", "field"),
    [
        ({"event": None}, Reason.MISSING_FIELD, "event"),
        ({"event": ["$pageview"]}, Reason.INVALID_TYPE, "event"),
        ({"event": "x" * 201}, Reason.TOO_LONG, "event"),
        ({"distinct_id": None}, Reason.MISSING_FIELD, "distinct_id"),
        ({"distinct_id": "", "properties": {"$device_id": {}}}, Reason.MISSING_FIELD, "distinct_id"),
        ({"distinct_id": 1.5}, Reason.INVALID_TYPE, "distinct_id"),
        ({"distinct_id": "x" * 201}, Reason.TOO_LONG, "distinct_id"),
        ({"distinct_id": None, "properties": {"distinct_id": []}}, Reason.INVALID_TYPE, "distinct_id"),
        ({"uuid": {"id": 1}}, Reason.INVALID_TYPE, "uuid"),
        ({"timestamp": "soon"}, Reason.INVALID_VALUE, "timestamp"),
    ],
)
def test_what_is_refused_is_said_in_the_clients_names(members: dict[str, Any], reason: Reason, field: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        posthog_event(EVENT | members)
    assert (caught.value.reason, caught.value.field) == (reason, field)


PROPERTIES = objects(PROPERTY_NAMES)
ITEMS = st.fixed_dictionaries(
    {"distinct_id": st.just("d-1") | st.integers(0, 9), "event": st.sampled_from(["E", "$identify", "$groupidentify"])},
    optional={"properties": PROPERTIES | JSON},
)


@ANY_SPEED
@given(objects(NAMES, JSON | PROPERTIES), objects([*NAMES, "sentAt"], JSON | PROPERTIES))
def test_no_json_raises_anything_else(item: dict[str, Any], batch: dict[str, Any]) -> None:
    try:
        fields = posthog_event(item, batch=batch)
    except InvalidEventError:
        return
    stored(fields)


@ANY_SPEED
@given(objects([name for name in NAMES if name != "timestamp"]), ITEMS)
def test_nothing_of_an_event_is_lost(others: dict[str, Any], item: dict[str, Any]) -> None:
    item = {**others, "uuid": "u", "context": {}, **item}
    fields = posthog_event(item)
    event = stored(fields)
    properties = item.get("properties")
    if isinstance(properties, dict):
        item = item | {"properties": {name: value for name, value in properties.items() if name not in NOT_KEPT}}
    item.pop("event")
    expected = {leaf for name, value in item.items() if name not in NOT_KEPT for leaf in leaves(value)}
    columns = [event.event_id, event.device_id, event.user_id]
    assert expected <= set(leaves([*columns, event.properties, event.context]))
