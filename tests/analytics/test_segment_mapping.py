"""Segment's and RudderStack's events in the names of the event contract."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_app.mapping.segment import segment_event
from brokerlytics.event import KINDS, InvalidEventError, Reason
from brokerlytics.timestamps import format_timestamp
from tests.analytics.mapping_cases import ANY_SPEED, JSON, RECEIVED_ON, Row, documented, leaves, objects, put, stored

TRACK: dict[str, Any] = {"type": "track", "event": "E", "anonymousId": "a-1"}
AT = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)
NAMES = [
    *("type", "event", "userId", "anonymousId", "messageId", "groupId", "previousId", "name", "category", "channel"),
    *("properties", "traits", "context", "integrations", "timestamp", "originalTimestamp", "sentAt", "receivedAt"),
    *("ip", "request_ip", "writeKey", "group_id", "message", "page", "device_id", "source"),
]
CONTEXT_NAMES = [
    *("ip", "page", "campaign", "app", "os", "device", "library", "location", "locale", "referrer", "traits"),
    *("sessionId", "userAgent", "flags", "integrations", "message", "group_id"),
]
PART_NAMES = [
    "url",
    "path",
    "title",
    "referrer",
    "source",
    "medium",
    "name",
    "version",
    "type",
    "id",
    "country",
    "model",
]
# They become columns or corrections, or are dropped.
NOT_KEPT = {"timestamp", "originalTimestamp", "sentAt", "ip", "request_ip", "writeKey"}


def mapped(**members: Any) -> dict[str, Any]:
    return segment_event(TRACK | members)


@pytest.mark.parametrize("row", documented("Segment and RudderStack"), ids=str)
def test_the_document_says_what_becomes_of_a_field(row: Row) -> None:
    item: dict[str, Any] = {"event": "E", "type": row.kind or "track"}
    if row.field != "context.device.id":
        item["anonymousId"] = "a-1"
    put(item, row.field, row.example)
    event = stored(segment_event(item))
    value = getattr(event, row.column)
    if isinstance(value, datetime):
        value = format_timestamp(value)
    if row.column == "context":
        value = {name: value[name] for name in row.stored}
    assert value == row.stored


def test_a_page_of_segments_browser_sdk() -> None:
    page = {"path": "/b", "referrer": "", "search": "?q=1", "title": "B", "url": "https://a.example/b?q=1"}
    item: dict[str, Any] = {
        "timestamp": "2026-08-22T09:30:00.123Z",
        "integrations": {},
        "anonymousId": "a-1",
        "type": "page",
        "properties": page,
        "name": None,
        "context": {
            "page": page,
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            "locale": "en-GB",
            "library": {"name": "analytics.js", "version": "npm:next-1.84.0"},
            "timezone": "Europe/Berlin",
        },
        "messageId": "ajs-next-1787391000123-d8c2",
        "writeKey": "key",
        "userId": None,
        "sentAt": "2026-08-22T09:30:00.223Z",
        "_metadata": {"bundled": [], "unbundled": []},
    }
    before = deepcopy(item)
    event = stored(segment_event(item, kind="page"))
    assert item == before
    assert (event.kind, event.event_type, event.event_id) == ("page", "PAGE_VIEW", "ajs-next-1787391000123-d8c2")
    assert (event.device_id, event.user_id) == ("a-1", None)
    assert (event.page_url, event.page_path, event.page_title) == ("https://a.example/b?q=1", "/b", "B")
    assert event.referrer is None
    assert (event.platform, event.os, event.browser, event.device_type) == ("web", "Linux", "Firefox", "desktop")
    assert event.locale == "en-GB"
    assert event.properties == page
    assert event.context["_metadata"] == {"bundled": [], "unbundled": []}
    assert "writeKey" not in event.context
    assert event.original_created_on == AT + timedelta(milliseconds=123)
    assert event.created_on == RECEIVED_ON - timedelta(milliseconds=100)


def test_a_track_of_segments_python_sdk() -> None:
    item: dict[str, Any] = {
        "integrations": {},
        "anonymousId": None,
        "properties": {"revenue": 19.99, "currency": "EUR", "products": [{"sku": "A-1"}], "empty": None},
        "timestamp": "2026-08-22T09:29:59.031+00:00",
        "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
        "userId": "u-1",
        "type": "track",
        "event": "Order Completed",
        "messageId": "56c73519-531a-4a28-8ac4-fbedfca182a1",
    }
    batch = {"sentAt": "2026-08-22T09:30:00.000+00:00", "writeKey": "key"}
    event = stored(segment_event(item, batch=batch))
    assert (event.kind, event.event_type, event.user_id, event.device_id) == ("track", "Order Completed", "u-1", None)
    assert (event.platform, event.revenue, event.currency) == ("server", 19.99, "EUR")
    assert event.properties == item["properties"]
    assert event.context == {"library": {"name": "analytics-python", "version": "2.4.0"}}
    assert event.created_on == RECEIVED_ON - timedelta(milliseconds=969)


def test_an_identify_of_rudderstacks_browser_sdk() -> None:
    item = {
        "channel": "web",
        "context": {
            "traits": {"plan": "pro"},
            "sessionId": 1787391000123,
            "app": {"name": "RudderLabs JavaScript SDK", "namespace": "com.rudderlabs.javascript", "version": "3.9.0"},
            "library": {"name": "RudderLabs JavaScript SDK", "version": "3.9.0"},
            "os": {"name": "", "version": ""},
            "campaign": {},
            "page": {"url": "https://a.example/", "initial_referrer": "$direct"},
            "screen": {"width": 1440, "height": 900},
        },
        "type": "identify",
        "originalTimestamp": "2026-08-22T09:30:00.000Z",
        "sentAt": "2026-08-22T09:30:05.000Z",
        "messageId": "m-1",
        "anonymousId": "a-1",
        "userId": "u-1",
        "event": None,
        "properties": None,
        "integrations": {"All": True},
    }
    event = stored(segment_event(item))
    assert (event.kind, event.event_type, event.user_id) == ("identify", "IDENTIFY", "u-1")
    assert (event.session_id, event.platform, event.app_version) == ("1787391000123", "web", None)
    assert event.properties == event.context["traits"] == {"plan": "pro"}
    assert event.context["app"]["version"] == "3.9.0"
    assert event.created_on == AT


def test_the_version_that_a_page_says_in_rudderstacks_browser_sdk() -> None:
    app = {"name": "Shop", "namespace": "com.rudderlabs.javascript", "version": "3.1.4"}
    library = {"name": "RudderLabs JavaScript SDK", "version": "3.9.0"}
    item = {"type": "track", "event": "E", "userId": "u-1", "context": {"app": app, "library": library}}
    assert stored(segment_event(item)).app_version == "3.1.4"


def test_a_screen_of_segments_ios_sdk() -> None:
    item = {
        "type": "screen",
        "name": "Home",
        "anonymousId": "A0B1",
        "timestamp": "2026-08-22T09:30:00.000Z",
        "properties": {"tab": 2},
        "context": {
            "app": {"name": "Shop", "version": "3.1.4", "build": "77", "namespace": "example.shop"},
            "device": {"id": "idfv-1", "manufacturer": "Apple", "model": "iPad13,4", "type": "ios"},
            "os": {"name": "iPadOS", "version": "18.1"},
            "library": {"name": "analytics-swift", "version": "1.6.0"},
            "locale": "de-DE",
            "ip": "203.0.113.7",
        },
    }
    fields = segment_event(item)
    assert fields["_ip"] == "203.0.113.7"
    event = stored(fields)
    assert (event.event_type, event.properties) == ("SCREEN_VIEW", {"tab": 2, "name": "Home"})
    assert (event.device_id, event.platform, event.device_type) == ("A0B1", "ios", "tablet")
    assert (event.os, event.app_version, event.locale) == ("iPadOS 18.1", "3.1.4", "de-DE")
    assert event.page_title is None
    assert "203.0.113.7" not in set(leaves(event.context))


def test_rudderstacks_node_sdk_says_when_it_happened_and_when_it_was_called() -> None:
    called = "2026-08-22T09:30:00.511Z"
    item = TRACK | {"timestamp": "2026-08-19T09:30:00Z", "originalTimestamp": called, "sentAt": "2026-08-22T09:30:04Z"}
    event = stored(segment_event(item, batch={"timestamp": called, "sentAt": called}))
    assert event.original_created_on == AT - timedelta(days=3)
    assert event.created_on == AT - timedelta(days=3) + timedelta(seconds=1)
    assert event.context == {"originalTimestamp": called}


def test_the_time_of_an_archived_event_is_not_corrected_again() -> None:
    times = {
        "originalTimestamp": "2020-01-01T00:00:10Z",
        "timestamp": "2020-01-01T00:00:00Z",
        "sentAt": "2020-01-01T00:00:12Z",
        "receivedAt": "2020-01-01T00:00:02Z",
    }
    event = stored(mapped(**times))
    assert event.created_on == datetime(2020, 1, 1, tzinfo=UTC)
    assert event.original_created_on == datetime(2020, 1, 1, 0, 0, 10, tzinfo=UTC)
    assert event.context == {"sentAt": times["sentAt"], "receivedAt": times["receivedAt"]}


@pytest.mark.parametrize("sent", ["yesterday", ["2026"], True, "", -1])
def test_a_sending_time_that_is_none_refuses_nothing(sent: Any) -> None:
    event = stored(mapped(timestamp="2026-08-22T09:30:00Z", sentAt=sent))
    assert event.created_on == AT
    assert event.context == ({"sentAt": sent} if sent else {})
    batched = stored(segment_event(TRACK | {"timestamp": "2026-08-22T09:30:00Z"}, batch={"sentAt": sent}))
    assert (batched.created_on, batched.context) == (AT, event.context)


def test_the_context_of_a_batch_lies_under_that_of_its_events() -> None:
    batch = {
        "context": {"ip": "203.0.113.7", "app": {"name": "Shop", "version": "1"}, "locale": "de-DE", "page": "x"},
        "integrations": {"All": True, "A": False},
        "writeKey": "key",
        "extra": 1,
    }
    item = TRACK | {"context": {"app": {"version": "2"}, "page": {"path": "/"}}, "integrations": {"A": True}}
    fields = segment_event(item, batch=batch)
    assert fields["_ip"] == "203.0.113.7"
    assert fields["context"] == {
        "app": {"name": "Shop", "version": "2"},
        "locale": "de-DE",
        "page": {"path": "/"},
        "integrations": {"All": True, "A": True},
        "extra": 1,
    }
    assert segment_event(TRACK | {"context": "x"}, batch=batch)["context"]["context"] == "x"


def test_the_paths_kind_counts_and_another_type_is_kept() -> None:
    event = stored(segment_event(TRACK | {"type": "track", "event": "Odd"}, kind="page"))
    assert (event.kind, event.event_type, event.context) == ("page", "PAGE_VIEW", {"type": "track", "event": "Odd"})


def test_a_name_among_the_properties_stays() -> None:
    item = TRACK | {"type": "page", "name": "Prices", "category": "Docs", "properties": {"name": "Own"}}
    before = deepcopy(item)
    fields = segment_event(item)
    assert (fields["properties"], fields["page_title"]) == ({"name": "Own", "category": "Docs"}, "Own")
    assert fields["context"] == {"event": "E", "name": "Prices"}
    assert item == before


def test_namesakes_of_the_context_are_kept_beside_it() -> None:
    item = TRACK | {"page": 1, "message": 2, "context": {"page": {"path": "/"}, "message": 3}}
    assert segment_event(item)["context"] == {
        "page": {"path": "/"},
        "message": 3,
        "_message": {"page": 1, "message": 2},
    }


@pytest.mark.parametrize(
    ("context", "columns"),
    [
        ({"page": 3}, {}),
        ({"campaign": ["a"], "app": "x", "os": 1, "library": None, "device": "d", "location": [], "referrer": {}}, {}),
        ({"page": {"url": ["https://"], "title": True, "path": "\x00"}}, {}),
        ({"locale": "x" * 101, "app": {"version": 3}}, {"locale": "x" * 100, "app_version": "3"}),
        (
            {"page": {"url": "https://a.example/" + "x" * 5000}},
            {"page_url": ("https://a.example/" + "x" * 5000)[:4096]},
        ),
        ({"app": {"version": 10**6000}, "locale": float("inf")}, {}),
        ({"sessionId": "x" * 201}, {}),
        ({"sessionId": {"id": 1}}, {}),
        ({"os": {"name": "Android", "version": {"major": 14}}}, {"os": "Android", "platform": "android"}),
        ({"os": {"version": "14"}}, {}),
        ({"referrer": "https://b.example/"}, {"referrer": "https://b.example/"}),
        ({"device": {"type": "android"}}, {"platform": "android", "device_type": "mobile"}),
    ],
)
def test_what_does_not_fit_a_column_stays_in_the_context(context: dict[str, Any], columns: dict[str, Any]) -> None:
    fields = mapped(context=context)
    derived = set(fields) - {"kind", "event_type", "event_id", "device_id", "properties", "context"}
    assert {name: fields[name] for name in derived if fields[name] is not None} == columns
    assert stored(fields).context == context


@pytest.mark.parametrize("name", ["ip", "$ip", "request_ip", "requestIP"])
@pytest.mark.parametrize("holder", ["", "context."])
def test_an_address_is_handed_out_and_not_stored(holder: str, name: str) -> None:
    for address, said in (("203.0.113.7", "203.0.113.7"), (["203.0.113.7"], None)):
        item = dict(TRACK)
        put(item, holder + name, address)
        fields = segment_event(item)
        assert fields.get("_ip") == said
        assert fields["context"] == {}


def test_two_spellings_of_a_group_are_kept_both() -> None:
    assert mapped(groupId="a", group_id="b")["context"] == {"groupId": "a", "group_id": "b"}


def test_the_key_is_not_stored() -> None:
    fields = segment_event(TRACK | {"writeKey": "key"}, batch={"writeKey": "key"})
    assert "key" not in set(leaves([fields["context"], fields["properties"]]))


@pytest.mark.parametrize(
    ("library", "platform"),
    [
        ("analytics.js", "web"),
        ("RudderLabs JavaScript SDK", "web"),
        ("analytics-ios", "ios"),
        ("analytics-swift", "ios"),
        ("rudder-ios-library", "ios"),
        ("analytics-android", "android"),
        ("analytics-kotlin", "android"),
        ("com.rudderstack.android.sdk.core", "android"),
        ("RudderAndroidLibrary", "android"),
        ("analytics-python", "server"),
        ("@segment/analytics-node", "server"),
        ("analytics-go", "server"),
        ("analytics-ruby", "server"),
        ("analytics-java", "server"),
        ("analytics-php", "server"),
        ("Analytics.NET", "server"),
        ("@segment/analytics-react-native", None),
        ("axios-curios-google", None),
        ({"name": "analytics.js"}, None),
    ],
)
def test_a_library_tells_the_platform(library: Any, platform: str | None) -> None:
    assert mapped(context={"library": {"name": library}})["platform"] == platform


@pytest.mark.parametrize("message_id", ["x" * 101, "a\x00b", "\ud800"])
def test_an_id_that_does_not_fit_still_tells_a_retry(message_id: str) -> None:
    fields = mapped(messageId=message_id)
    assert fields["event_id"] == sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()
    assert fields["context"] == {"messageId": message_id}
    assert mapped(messageId=7)["event_id"] == "7"


@pytest.mark.parametrize(
    ("members", "reason", "field"),
    [
        ({"type": None}, Reason.MISSING_FIELD, "type"),
        ({"type": "merge"}, Reason.INVALID_VALUE, "type"),
        ({"type": ["track"]}, Reason.INVALID_TYPE, "type"),
        ({"event": None}, Reason.MISSING_FIELD, "event"),
        ({"event": ""}, Reason.MISSING_FIELD, "event"),
        ({"event": 3}, Reason.INVALID_TYPE, "event"),
        ({"event": "x" * 201}, Reason.TOO_LONG, "event"),
        ({"event": "a\x00"}, Reason.INVALID_VALUE, "event"),
        ({"anonymousId": None}, Reason.MISSING_FIELD, "userId"),
        ({"anonymousId": "", "userId": ""}, Reason.MISSING_FIELD, "userId"),
        ({"anonymousId": None, "context": {"device": {"id": [1]}}}, Reason.MISSING_FIELD, "userId"),
        ({"userId": {"id": 1}}, Reason.INVALID_TYPE, "userId"),
        ({"userId": True}, Reason.INVALID_TYPE, "userId"),
        ({"userId": 10**300}, Reason.INVALID_TYPE, "userId"),
        ({"userId": "x" * 201}, Reason.TOO_LONG, "userId"),
        ({"anonymousId": "\ud800"}, Reason.INVALID_VALUE, "anonymousId"),
        ({"messageId": {"id": 1}}, Reason.INVALID_TYPE, "messageId"),
        ({"timestamp": "yesterday"}, Reason.INVALID_VALUE, "timestamp"),
        ({"timestamp": "2026"}, Reason.INVALID_VALUE, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, Reason.INVALID_VALUE, "timestamp"),
        ({"timestamp": 10**300}, Reason.INVALID_VALUE, "timestamp"),
        ({"timestamp": float("nan")}, Reason.INVALID_VALUE, "timestamp"),
        ({"timestamp": True}, Reason.INVALID_TYPE, "timestamp"),
        ({"originalTimestamp": {}}, Reason.INVALID_TYPE, "originalTimestamp"),
    ],
)
def test_what_is_refused_is_said_in_the_clients_names(members: dict[str, Any], reason: Reason, field: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        mapped(**members)
    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert field in caught.value.message


@pytest.mark.parametrize(
    ("timestamp", "created_on"),
    [
        (1787391000, AT),
        (1787391000.5, AT + timedelta(milliseconds=500)),
        (1787391000123, AT + timedelta(milliseconds=123)),
        ("1787391000123", AT + timedelta(milliseconds=123)),
        ("2026-08-22T11:30:00.1234567+02:00", AT + timedelta(milliseconds=123)),
        ("", None),
        (None, None),
    ],
)
def test_times_are_texts_or_numbers(timestamp: Any, created_on: datetime | None) -> None:
    assert mapped(timestamp=timestamp)["created_on"] == created_on


PARTS = objects(CONTEXT_NAMES, JSON | objects(PART_NAMES))
ITEMS = st.fixed_dictionaries(
    {"anonymousId": st.just("a-1"), "event": st.just("E"), "type": st.sampled_from(KINDS)},
    optional={"context": PARTS | JSON, "properties": objects(["name", "url", "revenue", "session_id"]) | JSON},
)


@ANY_SPEED
@given(objects(NAMES), st.sampled_from(KINDS) | st.none(), st.just({}) | objects(NAMES, JSON | PARTS))
def test_no_json_raises_anything_else(item: dict[str, Any], kind: str | None, batch: dict[str, Any]) -> None:
    try:
        fields = segment_event(item, kind=kind, batch=batch)
    except InvalidEventError:
        return
    stored(fields)


@ANY_SPEED
@given(objects([name for name in NAMES if "imestamp" not in name]), ITEMS)
def test_nothing_of_an_event_is_lost(others: dict[str, Any], item: dict[str, Any]) -> None:
    item = others | item
    item.pop("messageId", None)
    item.pop("userId", None)
    fields = segment_event(item)
    event = stored(fields)
    context = item.get("context")
    if isinstance(context, dict):
        item = item | {"context": {name: value for name, value in context.items() if name != "ip"}}
    expected = {leaf for name, value in item.items() if name not in NOT_KEPT for leaf in leaves(value)}
    assert expected <= set(leaves([event.device_id, event.event_type, event.kind, event.properties, event.context]))
