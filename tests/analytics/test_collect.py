"""The one behaviour: bodies of every make, what a failing broker means, and the collector in front of Django."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException
from django.test import Client
from pytest_django import Settings

from analytics_app import collect as collect_module
from analytics_app import collector as collector_module
from analytics_app.body import MAX_BODY_BYTES
from analytics_app.collect import client_ip
from analytics_app.collector import MAX_BYTES, MAX_REQUESTS, Collector
from analytics_app.endpoints import ENDPOINTS
from analytics_app.models import IntakeCount, Source
from analytics_app.observations import Observations
from analytics_app.producer import Delivery, shared_producer
from analytics_app.sources import SourcesUnavailableError, source_cache
from brokerlytics.web import web_command
from tests.analytics.conftest import RecordingProducer
from tests.analytics.sending import GOOD, NOW, send

BATCH = {"batch": [{**GOOD["segment"], "messageId": "é+&=%"}]}
TYPES = ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]


class TestBodies:
    @pytest.mark.parametrize("content_type", TYPES)
    @pytest.mark.parametrize("encoding", ["", "gzip", "identity", "br"])
    @pytest.mark.parametrize(
        "pack",
        [
            bytes,
            gzip.compress,
            lambda body: b"data=" + quote(body).encode(),
            lambda body: b"data=" + quote(base64.b64encode(body)).encode(),
        ],
        ids=["plain", "gzip", "form", "base64"],
    )
    def test_what_the_headers_call_it_does_not_count(
        self,
        source: Source,
        recorder: RecordingProducer,
        pack: Callable[[bytes], bytes],
        content_type: str,
        encoding: str,
    ) -> None:
        headers = {"Content-Type": content_type, "Content-Encoding": encoding}
        reply = send("/v1/batch", pack(json.dumps(BATCH).encode()), key=source.write_key, headers=headers)
        assert (reply.status, reply.document) == (200, {"success": True, "accepted": 1, "rejected": []})
        assert msgspec.json.decode(recorder.messages[0][1])["event_id"] == "é+&=%"

    @pytest.mark.parametrize(
        ("body", "answer", "told"),
        [
            (b"", (400, "empty_body"), "empty"),
            (b"{", (400, "not_json"), "line 1, column 2"),
            (gzip.compress(b"{}")[:-3], (400, "bad_gzip"), "ends too early"),
            (gzip.compress(bytes(5_000_000)), (413, "inflated_too_large"), "4194304 bytes"),
            (bytes(MAX_BODY_BYTES + 1), (413, "body_too_large"), "1048576 bytes"),
            ({"batch": [{}] * 2501}, (413, "too_many_events"), "2501 events; at most 2500"),
            ({"batch": []}, (400, "empty_body"), "no event"),
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/batch", "/batch"])
    def test_limits_and_faults_are_told(
        self, source: Source, path: str, body: Any, answer: tuple[int, str], told: str
    ) -> None:
        reply = send(path, body, key=source.write_key)
        assert (reply.status, reply.document["code"]) == answer
        assert told in reply.document["message"]


class TestBroker:
    @pytest.mark.parametrize("path", ["/api/v1/events", "/v1/batch", "/batch", "/pixel/v1/track"])
    def test_without_acknowledgement_every_protocol_says_503(
        self, source: Source, recorder: RecordingProducer, path: str
    ) -> None:
        recorder.outcomes = [Delivery.NOT_ACKNOWLEDGED]
        reply = send(path, GOOD[ENDPOINTS[path].protocol], key=source.write_key, query="event=A&userId=u")
        assert (reply.status, reply.document["code"]) == (503, "broker_unavailable")
        assert ("retry-after", "2") in reply.headers
        assert [one.code for one in reply.document["rejected"]] == ["not_acknowledged"]

    def test_an_event_that_is_refused_for_good_is_not_sent_again(
        self, source: Source, recorder: RecordingProducer
    ) -> None:
        recorder.outcomes = [Delivery.REFUSED]
        reply = send("/v1/track", GOOD["segment"], key=source.write_key)
        assert (reply.status, reply.document["accepted"]) == (200, 0)
        assert reply.document["rejected"][0].code == "refused_by_broker"

    def test_wrong_settings(self, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "No such setting"))

        monkeypatch.setattr(shared_producer, "get", fail)
        reply = send("/v1/track", GOOD["segment"], key=source.write_key)
        assert (reply.status, reply.document["code"]) == (503, "kafka_misconfigured")
        assert ("retry-after", "60") in reply.headers


_COUNT = ("source_id", "code", "events")


def test_every_outcome_is_observed(
    source: Source, recorder: RecordingProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed = Observations()
    monkeypatch.setattr(collect_module, "observations", observed)
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.REFUSED]
    send("/v1/batch", {"batch": [GOOD["segment"], GOOD["segment"], 5]}, key=source.write_key)
    send("/v1/batch", b"{", key=source.write_key)
    send("/v1/batch", b"{", key="wk_no")
    assert observed.flush(NOW)
    counts = {(source_id, code): events for source_id, code, events in IntakeCount.objects.values_list(*_COUNT)}
    assert counts == {
        (source.pk, "accepted"): 1,
        (source.pk, "refused_by_broker"): 1,
        (source.pk, "not_an_object"): 1,
        (source.pk, "not_json"): 1,
        (None, "invalid_write_key"): 1,
    }


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "ip"),
    [
        ("192.0.2.1:4711", None, 0, "192.0.2.1"),
        ("[2001:db8::1]:4711", None, 0, "2001:db8::1"),
        ("2001:db8::1", None, 0, "2001:db8::1"),
        ("192.0.2.1", "198.51.100.7", 0, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", 1, "198.51.100.7"),
        ("192.0.2.1", "203.0.113.66, 198.51.100.7", 1, "198.51.100.7"),
        ("192.0.2.1", "203.0.113.66, 198.51.100.7, 192.0.2.9", 2, "198.51.100.7"),
        ("192.0.2.1", "198.51.100.7", 2, "192.0.2.1"),
        ("192.0.2.1", " , ", 1, "192.0.2.1"),
    ],
)
def test_the_clients_address_behind_proxies(
    settings: Settings, peer: str, forwarded: str | None, proxies: int, ip: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert client_ip(peer, {"x-forwarded-for": forwarded}.get) == ""
    settings.GEOIP_DATABASE = "/some.mmdb"
    assert client_ip(peer, {"x-forwarded-for": forwarded}.get) == ip


@dataclass
class Scope:
    """What the web server tells of a request."""

    path: str
    headers: Mapping[str, str]
    method: str = "POST"
    query_string: str = ""
    client: str = "192.0.2.1:4711"


@dataclass
class Proto:
    """The connection of one request; a body that is None never comes."""

    chunks: list[bytes] | None
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    taken: int = 0

    async def __call__(self) -> bytes:
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Others arrive meanwhile.
        await asyncio.sleep(0)
        if self.chunks is None:
            await asyncio.Event().wait()
        for chunk in self.chunks or ():
            self.taken += len(chunk)
            yield chunk

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answers.append((status, dict(headers), body))

    @property
    def answer(self) -> tuple[int, str | None]:
        [(status, _, body)] = self.answers
        return status, json.loads(body).get("code") if body else None


def handle(collector: Collector, *requests: tuple[Scope, Proto]) -> None:
    """Answer requests at the same time, in the order of their arrival."""

    async def all_of_them() -> None:
        loop = asyncio.get_running_loop()
        collector._cancel_slow(loop)
        tasks = []
        for scope, proto in requests:
            endpoint = collector.handles(scope)
            assert endpoint
            tasks.append(loop.create_task(collector.handle(endpoint, scope, proto)))
        await asyncio.gather(*tasks)

    asyncio.run(all_of_them())


@pytest.fixture
def collector(source: Source) -> Collector:  # noqa: ARG001 (known to it)
    source_cache.refresh()
    return Collector()


def request(source: Source, *chunks: bytes, announced: bool = True) -> tuple[Scope, Proto]:
    headers = {"x-write-key": source.write_key}
    if announced:
        headers["content-length"] = str(sum(map(len, chunks)))
    return Scope("/v1/track", headers), Proto(list(chunks))


EVENT = json.dumps(GOOD["segment"]).encode()


class TestCollector:
    @pytest.mark.parametrize("announced", [False, True])
    def test_a_body_in_chunks_or_not(
        self, collector: Collector, source: Source, recorder: RecordingProducer, announced: bool
    ) -> None:
        scope, proto = request(source, EVENT[:5], EVENT[5:], announced=announced)
        handle(collector, (scope, proto))
        assert proto.answer == (200, None)
        assert len(recorder.messages) == 1

    def test_a_body_that_is_announced_too_large_is_not_read(self, collector: Collector, source: Source) -> None:
        scope, proto = request(source, bytes(MAX_BODY_BYTES + 1))
        handle(collector, (scope, proto))
        assert proto.answer == (413, "body_too_large")
        assert proto.taken == 0

    def test_a_body_in_chunks_is_read_no_further_than_its_limit(self, collector: Collector, source: Source) -> None:
        chunk = bytes(64 * 1024)
        scope, proto = request(source, *[chunk] * 1000, announced=False)
        handle(collector, (scope, proto))
        assert proto.answer == (413, "body_too_large")
        assert proto.taken <= MAX_BODY_BYTES + len(chunk)

    @pytest.mark.parametrize("length", ["-1", "x", "1_0", "²", "99999999999999999999"])
    def test_a_length_that_is_none(self, collector: Collector, source: Source, length: str) -> None:
        scope = Scope("/v1/track", {"x-write-key": source.write_key, "content-length": length})
        proto = Proto([b"{"])
        handle(collector, (scope, proto))
        assert proto.answer[0] in (400, 413)

    def test_beyond_its_places_requests_are_told_to_come_back(
        self, collector: Collector, source: Source, recorder: RecordingProducer
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

    def test_the_web_server_lets_it_see_more_requests_than_it_takes(self) -> None:
        command = web_command()
        assert int(command[command.index("--backpressure") + 1]) > MAX_REQUESTS

    def test_the_bytes_in_hand_are_bounded(
        self, collector: Collector, source: Source, recorder: RecordingProducer
    ) -> None:
        size = 1024 * 1024
        large = [request(source, EVENT.ljust(size)) for _ in range(MAX_BYTES // size + 1)]
        handle(collector, *large)
        assert [proto.answer for _, proto in large] == [(200, None)] * (len(large) - 1) + [(503, "overloaded")]
        assert len(recorder.messages) == len(large) - 1
        assert (collector._requests, collector._bytes) == (0, 0)

    def test_a_body_that_does_not_come_loses_its_place(
        self, collector: Collector, source: Source, recorder: RecordingProducer, monkeypatch: pytest.MonkeyPatch
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
    def test_what_it_takes_and_what_is_djangos(self, method: str, path: str, content_type: str, taken: bool) -> None:
        headers = {"content-type": content_type} if content_type else {}
        assert (Collector().handles(Scope(path, headers, method)) is not None) == taken

    @pytest.mark.parametrize("method", ["POST", "OPTIONS"])
    @pytest.mark.parametrize("path", ["/v1/batch", "/api/v1/events"])
    def test_a_database_that_never_answered(
        self, source: Source, monkeypatch: pytest.MonkeyPatch, method: str, path: str
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

    def test_a_preflight(self, collector: Collector) -> None:
        proto = Proto([])
        handle(collector, (Scope("/v1/batch", {"origin": "https://shop.example"}, "OPTIONS"), proto))
        [(status, headers, body)] = proto.answers
        assert (status, body) == (204, b"")
        assert headers["access-control-allow-origin"] == "https://shop.example"

    @pytest.mark.parametrize("body", [EVENT, b"[5]", b"{", b"", gzip.compress(EVENT)])
    @pytest.mark.parametrize("path", ["/v1/track", "/capture/", "/api/v1/events"])
    def test_it_answers_as_django_does(
        self, collector: Collector, source: Source, recorder: RecordingProducer, path: str, body: bytes
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
