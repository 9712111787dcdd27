"""An event in the address of an image."""

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from analytics_app.body import BodyTooLargeError
from analytics_app.models import Source
from analytics_app.pixel import GIF, event_of_pixel
from tests.analytics.conftest import RecordingProducer
from tests.analytics.sending import send


@pytest.mark.parametrize(
    ("query", "event"),
    [
        ("", {}),
        ("writeKey=k&write_key=k", {}),
        ("event=Opened&userId=u", {"event": "Opened", "userId": "u"}),
        ("userId=5", {"userId": "5"}),
        ("event=A&color=red&size=", {"event": "A", "properties": {"color": "red", "size": ""}}),
        (
            urlencode({"properties": '{"a": 1, "b": 2}', "b": "3"}),
            {"properties": {"a": 1, "b": 2}},
        ),
        (urlencode({"properties": '{"a": 1}', "b": "3"}), {"properties": {"a": 1, "b": "3"}}),
        (urlencode({"properties": "[1]"}), {"properties": [1]}),
        (urlencode({"context": '{"page": {"url": "u"}}'}), {"context": {"page": {"url": "u"}}}),
        ("a=%7Bnot+json", {"properties": {"a": "{not json"}}),
        ("a=" + "[" * 5000, {"properties": {"a": "[" * 5000}}),
        ("a=1&a=2", {"properties": {"a": "2"}}),
        ("%ff=1", {"properties": {"\ufffd": "1"}}),
    ],
)
def test_what_a_query_says(query: str, event: dict[str, Any]) -> None:
    assert event_of_pixel(query) == event


def test_too_many_names() -> None:
    with pytest.raises(BodyTooLargeError) as caught:
        event_of_pixel("&".join(f"a{number}=1" for number in range(1001)))
    assert caught.value.code == "body_too_large"


def test_every_member_arrives(source: Source, recorder: RecordingProducer) -> None:
    query = {
        "writeKey": source.write_key,
        "userId": "u-1",
        "name": "Welcome",
        "messageId": "m-1",
        "timestamp": "2026-11-23T11:00:00Z",
        "context": json.dumps({"campaign": {"name": "autumn"}, "page": {"url": "https://a.example/x"}}),
        "list": "weekly",
    }
    reply = send("/pixel/v1/page", query=urlencode(query))
    assert (reply.status, reply.body) == (200, GIF)
    event = msgspec.json.decode(recorder.messages[0][1])
    assert (event["event_id"], event["kind"], event["user_id"]) == ("m-1", "page", "u-1")
    assert (event["utm_campaign"], event["page_path"]) == ("autumn", "/x")
    assert event["properties"] == {"list": "weekly", "name": "Welcome"}
    assert source.write_key.encode() not in recorder.messages[0][1]


def test_an_image_is_shown_even_when_the_event_is_bad(source: Source, recorder: RecordingProducer) -> None:
    reply = send("/pixel/v1/track", query=f"writeKey={source.write_key}&event=A")
    assert (reply.status, reply.body) == (200, GIF)
    assert recorder.messages == []


def test_a_pixel_without_a_key_is_401(source: Source) -> None:  # noqa: ARG001
    assert send("/pixel/v1/track", query="event=A&userId=u").status == 401
