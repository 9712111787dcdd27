"""The one behaviour: bodies of every make, what a failing broker means, what is counted, and whose request it is."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException
from pytest_django import Settings

from analytics_app import collect as collect_module
from analytics_app.body import MAX_BODY_BYTES
from analytics_app.collect import client_ip
from analytics_app.deliveries import Delivery
from analytics_app.endpoints import ENDPOINTS
from analytics_app.models import IntakeCount, RecentEvent, Source
from analytics_app.observations import Observations
from analytics_app.producer import shared_producer
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


@pytest.mark.parametrize("odd", [{}, {"sent_on": NOW.isoformat()}, {"event_type": ""}])
def test_what_the_broker_refused_is_shown_with_masked_ids(
    source: Source, recorder: RecordingProducer, monkeypatch: pytest.MonkeyPatch, odd: dict[str, Any]
) -> None:
    observed = Observations()
    monkeypatch.setattr(collect_module, "observations", observed)
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.REFUSED]
    events = [
        GOOD["native"] | {"device_id": f"device-number-{number}", "event_id": f"e{number}"} for number in range(3)
    ]
    reply = send("/api/v1/events", [*events, GOOD["native"] | odd], key=source.write_key)
    assert [one.event_id for one in reply.document["rejected"]][:1] == ["e1"]
    assert observed.flush(NOW)
    shown = RecentEvent.objects.get(code="refused_by_broker")
    assert '"event_id": "e1"' in shown.excerpt
    assert "de…-1" in shown.excerpt
    assert "device-number" not in shown.excerpt


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
