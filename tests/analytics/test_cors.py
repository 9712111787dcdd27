"""Which web sites may send, and what a browser is told before and after."""

import pytest
from django.test import Client

from analytics_app.endpoints import ENDPOINTS
from analytics_app.models import Source
from tests.analytics.conftest import RecordingProducer
from tests.analytics.sending import GOOD, send

SHOP = "https://shop.example"
EVIL = "https://evil.example"


@pytest.fixture
def shop(source: Source) -> Source:
    source.allowed_origins = f"{SHOP}\nhttps://app.example:8443"
    source.save()
    return source


@pytest.mark.parametrize("origin", [SHOP, "https://app.example:8443", ""])
def test_allowed_origins_and_no_origin(shop: Source, recorder: RecordingProducer, origin: str) -> None:
    reply = send("/v1/batch", GOOD["segment"], key=shop.write_key, headers={"Origin": origin})
    assert reply.status == 200
    assert dict(reply.headers).get("access-control-allow-origin") == (origin or None)
    assert len(recorder.messages) == 1


@pytest.mark.parametrize("origin", [EVIL, "null", f"{SHOP}.evil.example", "http://shop.example"])
@pytest.mark.parametrize("key_in_body", [False, True])
def test_other_origins_are_403(shop: Source, recorder: RecordingProducer, origin: str, key_in_body: bool) -> None:
    body = {"batch": [GOOD["segment"]], "writeKey": shop.write_key if key_in_body else ""}
    reply = send("/v1/batch", body, key="" if key_in_body else shop.write_key, headers={"Origin": origin})
    assert (reply.status, reply.document["code"]) == (403, "origin_not_allowed")
    # The page may read why.
    assert ("access-control-allow-origin", origin) in reply.headers
    assert recorder.messages == []


def test_a_source_without_origins_takes_any(source: Source, recorder: RecordingProducer) -> None:
    assert send("/v1/batch", GOOD["segment"], key=source.write_key, headers={"Origin": EVIL}).status == 200
    assert len(recorder.messages) == 1


def test_each_source_has_its_own(shop: Source, recorder: RecordingProducer) -> None:
    blog = Source.objects.create(name="blog", allowed_origins="https://blog.example")
    send("/v1/batch", GOOD["segment"], key=blog.write_key, headers={"Origin": "https://blog.example"})
    assert len(recorder.messages) == 1
    for key, origin in ((shop.write_key, "https://blog.example"), (blog.write_key, SHOP)):
        assert send("/v1/batch", GOOD["segment"], key=key, headers={"Origin": origin}).status == 403


def test_errors_can_be_read_by_the_page(source: Source) -> None:  # noqa: ARG001
    reply = send("/v1/batch", GOOD["segment"], key="wk_no", headers={"Origin": SHOP})
    headers = dict(reply.headers)
    assert reply.status == 401
    assert headers["access-control-allow-origin"] == SHOP
    assert headers["vary"] == "Origin"
    assert headers["access-control-expose-headers"] == "Retry-After"
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize("path", list(ENDPOINTS))
def test_a_preflight_is_answered_and_cached(shop: Source, path: str) -> None:  # noqa: ARG001
    headers = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
    response = Client().options(path, headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == SHOP
    assert int(response["Access-Control-Max-Age"]) >= 7200
    assert ENDPOINTS[path].methods[0] in response["Access-Control-Allow-Methods"]
    allowed = {name.strip().lower() for name in response["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "anonymousid", "sentat", "*"} <= allowed
    # Of SDKs that send again.
    assert {"x-retry-count", "rsa-retry-attempt", "rsa-retry-reason", "rsa-since-last-attempt"} <= allowed
    assert "Origin" in response["Vary"]


@pytest.mark.parametrize("path", ["/v1/batch", "/api/v1/events", "/e/"])
def test_a_preflight_of_a_site_that_no_source_allows_is_403(shop: Source, path: str) -> None:
    response = Client().options(path, headers={"Origin": EVIL})
    assert (response.status_code, response.json()["code"]) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in response
    Source.objects.create(name="open")
    assert Client().options(path, headers={"Origin": EVIL}).status_code == 204
    Source.objects.exclude(pk=shop.pk).update(enabled=False)
    assert Client().options(path, headers={"Origin": EVIL}).status_code == 403
