"""Every path in Django: with and without a slash, answered as the SDKs of its protocol expect it."""

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from django.test import Client

from analytics_app.endpoints import ENDPOINTS
from analytics_app.models import Source
from tests.analytics.conftest import RecordingProducer
from tests.analytics.sending import GOOD, good

POSTS = [path for path, endpoint in ENDPOINTS.items() if "POST" in endpoint.methods]
PIXELS = [path for path, endpoint in ENDPOINTS.items() if "GET" in endpoint.methods]


def post(path: str, body: Any, key: str) -> Any:
    client = Client(enforce_csrf_checks=True)
    return client.post(path, json.dumps(body), content_type="application/json", headers={"X-Write-Key": key})


def test_every_path_of_the_contract_is_there() -> None:
    segment = ["track", "identify", "page", "screen", "group", "alias", "batch", "import", *"tipsga", "b"]
    posthog = ["/batch", "/capture", "/e", "/i/v0/e"]
    others = ["/api/v1/events", "/beacon/v1/batch", "/pixel/v1/track", "/pixel/v1/page"]
    paths = {f"/v1/{name}" for name in segment} | {*posthog, *others}
    assert set(ENDPOINTS) == paths | {f"{path}/" for path in paths}
    assert all(ENDPOINTS[path] is ENDPOINTS[f"{path}/"] for path in paths)


@pytest.mark.parametrize("path", POSTS)
def test_an_event_is_taken_and_answered_in_the_protocol(source: Source, recorder: RecordingProducer, path: str) -> None:
    endpoint = ENDPOINTS[path]
    response = post(path, good(endpoint), source.write_key)
    expected: dict[str, tuple[int, dict[str, Any]]] = {
        "native": (202, {}),
        "segment": (200, {"success": True}),
        "posthog": (200, {"status": 1}),
    }
    status, own = expected[endpoint.protocol]
    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    assert response.json() == {**own, "accepted": 1, "rejected": []}
    [(key, value)] = recorder.messages
    event = msgspec.json.decode(value)
    assert (key, event["kind"], event["source"]) == (b"d", endpoint.kind or "track", "web")


@pytest.mark.parametrize("path", POSTS)
def test_one_bad_event_is_told_and_spoils_no_other(source: Source, recorder: RecordingProducer, path: str) -> None:
    event = good(ENDPOINTS[path])
    body: Any = [event, 5, event]
    if ENDPOINTS[path].protocol != "native":
        body = {"batch": body}
    response = post(path, body, source.write_key)
    answer = response.json()
    assert response.status_code == (202 if ENDPOINTS[path].protocol == "native" else 200)
    assert answer["accepted"] == 2
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(1, "not_an_object")]
    assert len(recorder.messages) == 2


@pytest.mark.parametrize("path", POSTS)
def test_nothing_good_is_400_in_the_native_protocol_and_never_wedges_an_sdk(
    source: Source, recorder: RecordingProducer, path: str
) -> None:
    response = post(path, {}, source.write_key)
    native = ENDPOINTS[path].protocol == "native"
    assert response.status_code == (400 if native else 200)
    assert response.json()["accepted"] == 0
    assert [one["code"] for one in response.json()["rejected"]] == ["missing_field"]
    assert recorder.messages == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(("key", "body", "status"), [("", {}, 401), ("wk_no", {}, 401), (None, b"{", 400)])
def test_an_error_carries_code_and_message(source: Source, path: str, key: str | None, body: Any, status: int) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body)
    headers = {"X-Write-Key": source.write_key if key is None else key}
    response = Client().post(path, data, content_type="application/json", headers=headers)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    problem = response.json()
    assert problem["status"] == status
    assert problem["code"] in ("missing_write_key", "invalid_write_key", "not_json")
    assert problem["message"]


@pytest.mark.parametrize("path", PIXELS)
def test_a_pixel_is_an_event_and_an_image(source: Source, recorder: RecordingProducer, path: str) -> None:
    query = urlencode({"writeKey": source.write_key, "anonymousId": "d", "event": "Mail Opened", "list": "weekly"})
    response = Client().get(f"{path}?{query}")
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response["Cache-Control"] == "no-store"
    assert response.content[:6] == b"GIF89a"
    [(_, value)] = recorder.messages
    event = msgspec.json.decode(value)
    assert event["kind"] == ENDPOINTS[path].kind
    assert event["properties"]["list"] == "weekly"


@pytest.mark.django_db
@pytest.mark.parametrize("path", [path for path, endpoint in ENDPOINTS.items() if endpoint.protocol != "native"])
def test_other_methods_are_405(path: str) -> None:
    methods = ENDPOINTS[path].methods
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - set(methods):
        response = Client().generic(method, path)
        assert response.status_code == 405
        assert response["Allow"] == f"{methods[0]}, OPTIONS"
        assert method == "HEAD" or response.json()["code"] == "method_not_allowed"


class TestWhatSdksAskFirst:
    @pytest.mark.parametrize("path", ["/sourceConfig", "/sourceConfig/"])
    def test_rudderstack(self, source: Source, path: str) -> None:
        headers = {"Origin": "https://shop.example"}
        response = Client().get(f"{path}?writeKey={source.write_key}&p=web", headers=headers)
        assert response.status_code == 200
        assert response["Access-Control-Allow-Origin"] == "https://shop.example"
        found = response.json()["source"]
        assert (found["writeKey"], found["enabled"], found["destinations"]) == (source.write_key, True, [])
        source.enabled = False
        source.save()
        assert not Client().get(f"{path}?writeKey={source.write_key}").json()["source"]["enabled"]

    def test_a_browser_with_rudderstacks_sdk_asks_before_it_asks(self) -> None:
        """The SDK puts the write key into the Authorization header."""
        response = Client().options("/sourceConfig/", headers={"Origin": "https://shop.example"})
        assert response.status_code == 204
        assert response["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "GET" in response["Access-Control-Allow-Methods"]
        assert "Authorization" in response["Access-Control-Allow-Headers"]

    @pytest.mark.parametrize("query", ["", "?writeKey=wk_no"])
    def test_rudderstack_with_a_key_that_nobody_has(self, source: Source, query: str) -> None:  # noqa: ARG002
        response = Client().get(f"/sourceConfig/{query}")
        assert (response.status_code, response.json()["code"]) == (401, "invalid_write_key")

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_segment(self, slash: str) -> None:
        response = Client().get(f"/v1/projects/wk_1/settings{slash}")
        assert response.status_code == 200
        assert response.json()["integrations"]["Segment.io"] == {"apiKey": "wk_1", "apiHost": "testserver/v1"}

    @pytest.mark.parametrize("path", ["/flags", "/flags/", "/decide", "/decide/"])
    def test_posthog(self, path: str) -> None:
        client = Client(enforce_csrf_checks=True)
        response = client.post(f"{path}?v=2", b"\x1f\x8b...", content_type="text/plain", headers={"Origin": "null"})
        assert response.status_code == 200
        assert response.json()["featureFlags"] == {}
        assert response.json()["supportedCompression"]
        assert response["Access-Control-Allow-Origin"] == "null"
        preflight = client.options(path, headers={"Origin": "https://shop.example"})
        assert preflight.status_code == 204
        assert "POST" in preflight["Access-Control-Allow-Methods"]


def test_single_events_say_their_key_in_the_body(source: Source, recorder: RecordingProducer) -> None:
    for path, body in (
        ("/v1/track", {**GOOD["segment"], "writeKey": source.write_key}),
        ("/capture/", {**GOOD["posthog"], "api_key": source.write_key}),
        ("/e/", {"event": "A", "properties": {"distinct_id": "d", "token": source.write_key}}),
        ("/batch/", {"api_key": source.write_key, "batch": [GOOD["posthog"]]}),
        ("/v1/batch", {"writeKey": source.write_key, "batch": [GOOD["segment"]]}),
        ("/api/v1/events", {**GOOD["native"], "write_key": source.write_key}),
    ):
        assert post(path, body, "").status_code in (200, 202), path
    assert len(recorder.messages) == 6
    assert all(source.write_key.encode() not in value for _, value in recorder.messages)
