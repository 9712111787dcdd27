"""Where the write key may stand, and what becomes of a request whose key is not one."""

import base64

import pytest

from analytics_app.models import Source
from analytics_app.write_keys import key_of_request
from tests.analytics.conftest import RecordingProducer
from tests.analytics.sending import GOOD, send


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({"authorization": "Bearer k"}, "", "k"),
        ({"authorization": "bearer  k "}, "", "k"),
        ({"authorization": basic("k:")}, "", "k"),
        ({"authorization": basic("k")}, "", "k"),
        ({"authorization": basic("k:secret")}, "", "k"),
        ({"x-write-key": " k "}, "", "k"),
        ({}, "write_key=k", "k"),
        ({}, "a=b&writeKey=k", "k"),
        ({}, "api_key=k&_=123", "k"),
        ({}, "token=k", "k"),
        # The first of them counts.
        ({"authorization": "Bearer one", "x-write-key": "two"}, "write_key=three", "one"),
        ({"x-write-key": "two"}, "write_key=three", "two"),
        # What is no key of ours is looked over.
        ({"authorization": "Token x", "x-write-key": "two"}, "", "two"),
        ({"authorization": "Basic ???"}, "write_key=three", "three"),
        ({"authorization": "Basic /////w=="}, "", ""),
        ({"authorization": "Basic"}, "", ""),
        ({"authorization": "Bearer"}, "", ""),
        ({"authorization": ""}, "", ""),
        ({}, "", ""),
        ({}, "write_key=", ""),
        ({}, "%ff=%00&&=", ""),
        ({}, "&".join(f"a{number}=1" for number in range(1001)), ""),
    ],
)
def test_outside_the_body(headers: dict[str, str], query: str, key: str) -> None:
    assert key_of_request(headers.get, query) == key


@pytest.mark.parametrize("path", ["/api/v1/events", "/v1/batch", "/batch"])
@pytest.mark.parametrize("way", ["bearer", "basic", "header", "query"])
def test_each_way_is_taken(source: Source, recorder: RecordingProducer, path: str, way: str) -> None:
    key = source.write_key
    headers = {
        "bearer": {"Authorization": f"Bearer {key}"},
        "basic": {"Authorization": basic(f"{key}:")},
        "header": {"X-Write-Key": key},
        "query": {},
    }[way]
    body = GOOD["native" if "api" in path else "segment" if "v1" in path else "posthog"]
    reply = send(path, body, headers=headers, query=f"write_key={key}" if way == "query" else "")
    assert reply.document["accepted"] == 1
    assert len(recorder.messages) == 1


@pytest.mark.parametrize("key", [5, None, "", {"a": 1}, ["k"]])
def test_what_is_no_text_in_the_body_is_no_key(source: Source, recorder: RecordingProducer, key: object) -> None:  # noqa: ARG001
    reply = send("/v1/batch", {"writeKey": key, "batch": [GOOD["segment"]]})
    assert (reply.status, reply.document["code"]) == (401, "missing_write_key")
    assert recorder.messages == []


@pytest.mark.parametrize(
    ("key", "code"), [("", "missing_write_key"), ("wk_no", "invalid_write_key"), ("k\x00", "invalid_write_key")]
)
def test_without_a_valid_key(source: Source, recorder: RecordingProducer, key: str, code: str) -> None:  # noqa: ARG001
    reply = send("/api/v1/events", GOOD["native"], key=key)
    assert (reply.status, reply.document["code"]) == (401, code)
    assert ("www-authenticate", 'Bearer realm="write key"') in reply.headers
    assert recorder.messages == []


def test_who_is_refused_is_not_read(source: Source) -> None:  # noqa: ARG001
    assert send("/v1/batch", b"{", key="wk_no").document["code"] == "invalid_write_key"
    assert send("/v1/batch", b"{").document["code"] == "not_json"
