"""What stands where in a body: events, what they share, the write key."""

from typing import Any

import pytest

from analytics_app.body import UnreadableEvent
from analytics_app.endpoints import ENDPOINTS
from analytics_app.reading import read
from brokerlytics.event import InvalidEventError
from tests.analytics.sending import GOOD

NATIVE, SEGMENT, POSTHOG = "/api/v1/events", "/v1/batch", "/batch"


@pytest.mark.parametrize(
    ("path", "value", "items", "shared"),
    [
        (NATIVE, {"a": 1}, [{"a": 1}], {}),
        (NATIVE, [{"a": 1}, 2], [{"a": 1}, 2], {}),
        # A name like any other there.
        (NATIVE, {"batch": [1]}, [{"batch": [1]}], {}),
        (NATIVE, None, [None], {}),
        (SEGMENT, {"batch": [1, 2], "sentAt": "t"}, [1, 2], {"sentAt": "t"}),
        (SEGMENT, {"batch": []}, [], {}),
        (SEGMENT, {"batch": {}}, [{"batch": {}}], {}),
        (SEGMENT, {"event": "A"}, [{"event": "A"}], {}),
        (SEGMENT, [{"event": "A"}], [{"event": "A"}], {}),
        (POSTHOG, {"batch": [1], "api_key": "k"}, [1], {"api_key": "k"}),
        (POSTHOG, [[1]], [[1]], {}),
        (POSTHOG, "text", ["text"], {}),
    ],
)
def test_where_the_events_are(path: str, value: Any, items: list[Any], shared: dict[str, Any]) -> None:
    reading = read(value, ENDPOINTS[path])
    assert (reading.items, reading.shared) == (items, shared)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (NATIVE, {"write_key": "k"}, "k"),
        (NATIVE, {"writeKey": "k", "api_key": "k"}, ""),
        (SEGMENT, {"writeKey": "k", "batch": [{"writeKey": "other"}]}, "k"),
        (SEGMENT, {"batch": [{"writeKey": "k"}]}, "k"),
        (SEGMENT, {"writeKey": "k"}, "k"),
        (POSTHOG, {"api_key": "k", "batch": [1]}, "k"),
        (POSTHOG, {"token": "k", "batch": []}, "k"),
        (POSTHOG, [{"properties": {"token": "k"}}], "k"),
        (POSTHOG, {"api_key": 5, "token": "", "properties": {"token": "k"}}, "k"),
        (POSTHOG, {"properties": "token"}, ""),
        (POSTHOG, 5, ""),
        (POSTHOG, [], ""),
    ],
)
def test_where_the_key_is(path: str, value: Any, key: str) -> None:
    assert read(value, ENDPOINTS[path]).write_key() == key


@pytest.mark.parametrize("path", [NATIVE, SEGMENT, POSTHOG])
@pytest.mark.parametrize(
    ("item", "code"), [(5, "not_an_object"), ([{}], "not_an_object"), (UnreadableEvent("why"), "invalid_value")]
)
def test_what_is_no_event(path: str, item: Any, code: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        read([item], ENDPOINTS[path]).fields(item)
    assert caught.value.reason == code


def test_the_path_says_the_kind_where_it_can() -> None:
    event = {"anonymousId": "d", "name": "Home"}
    page, batch = (read(event, ENDPOINTS[path]) for path in ("/v1/p", "/v1/b"))
    assert page.fields(event)["kind"] == "page"
    with pytest.raises(InvalidEventError, match="type is required"):
        batch.fields(event)


def test_what_events_share_is_in_each() -> None:
    reading = read({"batch": [GOOD["segment"]] * 2, "context": {"app": {"version": "2"}}}, ENDPOINTS[SEGMENT])
    assert [reading.fields(item)["app_version"] for item in reading.items] == ["2", "2"]


def test_an_event_is_not_changed_by_being_read() -> None:
    event = {**GOOD["native"], "write_key": "k"}
    fields = read(event, ENDPOINTS[NATIVE]).fields(event)
    fields["more"] = 1
    assert "write_key" not in fields
    assert event == {**GOOD["native"], "write_key": "k"}
