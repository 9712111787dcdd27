"""The collector in front of Django: what it reads, how much it takes at once, and that it answers as Django does."""

import gzip
import json

import pytest
from django.test import Client
from django.utils import timezone

from analytics_app import collector as collector_module
from analytics_app.body import MAX_BODY_BYTES
from analytics_app.collector import MAX_BYTES, MAX_DROPPED_BYTES, MAX_REQUESTS, Collector
from analytics_app.models import IntakeCount, Source
from analytics_app.observations import observations
from analytics_app.sources import SourcesUnavailableError, source_cache
from brokerlytics.web import web_command
from tests.analytics.conftest import RecordingProducer
from tests.analytics.rsgi import EVENT, Proto, Scope, handle, request

CHUNK = bytes(64 * 1024)


@pytest.fixture
def collector(source: Source) -> Collector:  # noqa: ARG001 (known to it)
    source_cache.refresh()
    return Collector()


@pytest.mark.parametrize("announced", [False, True])
def test_a_body_in_chunks_or_not(
    collector: Collector, source: Source, recorder: RecordingProducer, announced: bool
) -> None:
    scope, proto = request(source, EVENT[:5], EVENT[5:], announced=announced)
    handle(collector, (scope, proto))
    assert proto.answer == (200, None)
    assert len(recorder.messages) == 1


@pytest.mark.parametrize("announced", [False, True])
def test_a_body_that_is_too_large_is_taken_to_its_end_so_that_its_sender_hears_why(
    collector: Collector, source: Source, announced: bool
) -> None:
    scope, proto = request(source, *[CHUNK] * (MAX_DROPPED_BYTES // len(CHUNK)), announced=announced)
    handle(collector, (scope, proto))
    assert proto.answer == (413, "body_too_large")
    assert proto.taken == MAX_DROPPED_BYTES
    assert (collector._requests, collector._bytes) == (0, 0)


def test_a_body_far_beyond_the_limit_is_not_read(collector: Collector, source: Source) -> None:
    parts = MAX_DROPPED_BYTES // len(CHUNK) + 100
    announced, proto = request(source, *[CHUNK] * parts)
    in_parts, proto_in_parts = request(source, *[CHUNK] * parts, announced=False)
    handle(collector, (announced, proto), (in_parts, proto_in_parts))
    assert proto.answer == proto_in_parts.answer == (413, "body_too_large")
    assert proto.taken == 0
    assert proto_in_parts.taken <= MAX_DROPPED_BYTES + len(CHUNK)


def test_a_body_that_is_too_large_and_slow_loses_its_place(
    collector: Collector, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "BODY_SECONDS", 0.5)
    headers = {"x-write-key": source.write_key, "content-length": str(MAX_BODY_BYTES + 1)}
    slow = Scope("/v1/track", headers), Proto(None)
    handle(collector, slow)
    assert slow[1].answer == (413, "body_too_large")
    assert (collector._requests, collector._bytes) == (0, 0)


@pytest.mark.parametrize("length", ["-1", "x", "1_0", "²", "99999999999999999999"])
def test_a_length_that_is_none(collector: Collector, source: Source, length: str) -> None:
    scope = Scope("/v1/track", {"x-write-key": source.write_key, "content-length": length})
    proto = Proto([b"{"])
    handle(collector, (scope, proto))
    assert proto.answer[0] in (400, 413)


def test_beyond_its_places_requests_are_told_to_come_back(
    collector: Collector, source: Source, recorder: RecordingProducer
) -> None:
    many = [request(source, EVENT) for _ in range(MAX_REQUESTS + 5)]
    handle(collector, *many)
    answers = [proto.answer for _, proto in many]
    assert answers.count((503, "overloaded")) == 5
    assert answers.count((200, None)) == len(recorder.messages) == MAX_REQUESTS
    assert many[-1][1].answers[0][1]["retry-after"] == "1"
    last = request(source, EVENT)
    handle(collector, last)
    assert last[1].answer == (200, None)


def test_what_is_refused_unread_is_counted_for_the_source_of_its_key(
    collector: Collector, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "BODY_SECONDS", 0.5)
    slow = Scope("/v1/track", {"x-write-key": source.write_key, "content-length": "10"}), Proto(None)
    handle(collector, slow, request(source, bytes(MAX_BODY_BYTES + 1)))
    monkeypatch.setattr(collector_module, "MAX_REQUESTS", 0)
    handle(collector, request(source, EVENT))
    observations.flush(timezone.now())
    counts = IntakeCount.objects.values_list("source_id", "code", "events")
    assert set(counts) == {(source.pk, code, 1) for code in ("body_too_slow", "body_too_large", "overloaded")}


def test_the_web_server_lets_it_see_more_requests_than_it_takes() -> None:
    command = web_command()
    assert int(command[command.index("--backpressure") + 1]) > MAX_REQUESTS


def test_the_bytes_in_hand_are_bounded(collector: Collector, source: Source, recorder: RecordingProducer) -> None:
    size = 1024 * 1024
    large = [request(source, EVENT.ljust(size)) for _ in range(MAX_BYTES // size + 1)]
    handle(collector, *large)
    assert [proto.answer for _, proto in large] == [(200, None)] * (len(large) - 1) + [(503, "overloaded")]
    assert len(recorder.messages) == len(large) - 1
    assert (collector._requests, collector._bytes) == (0, 0)


def test_a_body_that_does_not_come_loses_its_place(
    collector: Collector, source: Source, recorder: RecordingProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "BODY_SECONDS", 0.5)
    slow = Scope("/v1/track", {"x-write-key": source.write_key, "content-length": "10"}), Proto(None)
    quick = request(source, EVENT)
    handle(collector, slow, quick)
    assert slow[1].answer == (408, "body_too_slow")
    assert quick[1].answer == (200, None)
    assert len(recorder.messages) == 1
    assert (collector._requests, collector._bytes) == (0, 0)


@pytest.mark.parametrize(
    ("method", "path", "content_type", "taken"),
    [
        ("POST", "/v1/batch", "", True),
        ("POST", "/v1/batch/", "application/x-www-form-urlencoded", True),
        ("OPTIONS", "/e/", "", True),
        ("GET", "/pixel/v1/page", "", True),
        ("POST", "/api/v1/events", "application/json", True),
        # The form of DRF's page, its page, and what only Django knows.
        ("POST", "/api/v1/events", "multipart/form-data; boundary=b", False),
        ("POST", "/api/v1/events", "application/x-www-form-urlencoded", False),
        ("GET", "/api/v1/events", "", False),
        ("GET", "/v1/batch", "", False),
        ("HEAD", "/pixel/v1/page", "", False),
        ("POST", "/api/v1/events/simulation", "", False),
        ("POST", "/V1/batch", "", False),
        ("GET", "/", "", False),
    ],
)
def test_what_it_takes_and_what_is_djangos(method: str, path: str, content_type: str, taken: bool) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert (Collector().handles(Scope(path, headers, method)) is not None) == taken


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1/batch", "/api/v1/events"])
def test_a_database_that_never_answered(
    source: Source, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    def fail() -> None:
        raise SourcesUnavailableError("The database does not answer.")

    monkeypatch.setattr(source_cache, "refresh", fail)
    source_cache.forget()
    headers = {"x-write-key": source.write_key, "origin": "https://shop.example"}
    proto = Proto([EVENT])
    handle(Collector(), (Scope(path, headers, method), proto))
    assert proto.answer == (503, "database_unavailable")
    assert proto.answers[0][1]["retry-after"] == "2"
    response = Client().generic(method, path, EVENT, content_type="application/json", headers=headers)
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")


def test_a_preflight(collector: Collector) -> None:
    proto = Proto([])
    handle(collector, (Scope("/v1/batch", {"origin": "https://shop.example"}, "OPTIONS"), proto))
    [(status, headers, body)] = proto.answers
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == "https://shop.example"


@pytest.mark.parametrize("body", [EVENT, b"[5]", b"{", b"", gzip.compress(EVENT)])
@pytest.mark.parametrize("path", ["/v1/track", "/capture/", "/api/v1/events"])
def test_it_answers_as_django_does(
    collector: Collector, source: Source, recorder: RecordingProducer, path: str, body: bytes
) -> None:
    headers = {"x-write-key": source.write_key, "origin": "https://shop.example"}
    proto = Proto([body])
    handle(collector, (Scope(path, {**headers, "content-length": str(len(body))}), proto))
    response = Client().post(path, body, content_type="text/plain", headers=headers)
    [(status, found, content)] = proto.answers
    assert (status, json.loads(content)) == (response.status_code, response.json())
    for name, value in found.items():
        assert value in response[name], name
    assert len(recorder.messages) in (0, 2)
