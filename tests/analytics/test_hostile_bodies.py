"""Bodies that nobody sends by mistake: each is answered with a code from the list, and spoils no event beside it."""

import gzip
import json
from typing import Any

import msgspec
import pytest
from django.test import Client

from analytics_app.codes import CODES
from analytics_app.endpoints import ENDPOINTS, Protocol
from analytics_app.models import Source
from brokerlytics.event import MAX_EVENT_BYTES
from brokerlytics.event_codec import decode_event
from tests.analytics.conftest import RecordingProducer
from tests.analytics.sending import GOOD, NOW, send

PATHS = ("/api/v1/events", "/v1/batch", "/v1/identify", "/batch", "/e", "/beacon/v1/batch")
HUGE = "9" * 5000
LONE = "\\ud800"
NUL = "\\u0000"

# Whole bodies.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \r\n\t",
    "a NUL": b"\x00",
    "NULs": b"\x00" * 1000,
    "a mark": b"\xef\xbb\xbf",
    "a mark before JSON": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "latin-1": '{"a":"\xe9"}'.encode("latin-1"),
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "deep lists": b"[" * 100_000,
    "deep lists, closed": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep objects in a batch": b'{"batch":' * 100_000,
    "a number": b"5",
    "a huge number": HUGE.encode(),
    "infinity": b"1e400",
    "NaN": b"NaN",
    "minus infinity": b"[-Infinity]",
    "null": b"null",
    "true": b"true",
    "text": b'"text"',
    "an empty object": b"{}",
    "an empty list": b"[]",
    "an empty batch": b'{"batch":[]}',
    "a batch that is null": b'{"batch":null}',
    "a batch that is an object": b'{"batch":{"a":1}}',
    "a batch that is text": b'{"batch":"[]"}',
    "a batch of batches": b'{"batch":[{"batch":[{"batch":[]}]}]}',
    "lists of lists": b"[[[[]]]]",
    "100,000 keys": b"{" + b",".join(b'"%x":0' % n for n in range(100_000)) + b"}",
    "the same key": b"{" + b",".join([b'"event":"A"'] * 10_000) + b"}",
    "truncated gzip": gzip.compress(b'{"a":1}' * 100)[:20],
    "gzip of nothing": gzip.compress(b""),
    "gzip of gzip": gzip.compress(gzip.compress(b"{}")),
    "gzip and more": gzip.compress(b"{}") + b"more",
    "gzip magic": b"\x1f\x8b",
    "a bomb": gzip.compress(bytes(50_000_000)),
    "a bomb of lists": gzip.compress(b"[" * 4_000_000),
    "a form": b"data=",
    "a form of nonsense": b"data=%00%ff%zz",
    "a form of base64 of nonsense": b"data=AAAA",
    "a form of a deep list": b"data=" + b"%5B" * 100_000,
    "many fields": b"data=1&" + b"a=1&" * 100_000,
    "XML": b"<a/>",
    "shared text": b'{"batch":[1],"context":"x","integrations":5,"sentAt":[],"sent_at":{},"api_key":{},"writeKey":[]}',
    "a shared lone surrogate": b'{"batch":[{}],"sentAt":"\\ud800","context":{"\\ud800":"\\ud800"}}',
    "a shared NaN": b'{"batch":[{"event":"A"}],"context":{"a":NaN}}',
    "keys that are surrogates": b'{"\\ud800":{"\\udfff":"\\ud800\\ud800"}}',
}

# Members of one event, as raw JSON; each stands alone in place of, or beside, those of a good one.
_VALUES = [
    "NaN",
    "-Infinity",
    "1e400",
    "1e308",
    "-0.0",
    HUGE,
    str(2**63),
    str(-(2**64)),
    f'"{LONE}"',
    f'"{NUL}"',
    '"' + "x" * 5000 + '"',
    '""',
    '" "',
    "null",
    "true",
    "[]",
    "{}",
    "[[[[]]]]",
    '{"a":{"a":{"a":[1,{"a":null}]}}}',
    "[" * 900 + "]" * 900,
    '"0000-00-00T00:00:00Z"',
    '"9999-12-31T23:59:59.999999999+23:59"',
    '"2026-02-30"',
    '"http://[::1"',
    '"https://a.example/?utm_source=%ff%00&' + "a=1&" * 1000 + '"',
    '"<script>alert(1)</script>"',
    "\"=cmd()|'/C calc'!A0\"",
]
_NAMES: dict[Protocol, list[str]] = {
    "native": [
        *("event_type", "device_id", "user_id", "event_id", "created_on", "sent_on", "original_created_on"),
        *("received_on", "source", "kind", "revenue", "currency", "properties", "context", "page_url", "v", "ip"),
        *("_ip", "country", "write_key", ""),
    ],
    "segment": [
        *("type", "event", "userId", "anonymousId", "messageId", "timestamp", "sentAt", "originalTimestamp"),
        *("receivedAt", "context", "properties", "traits", "integrations", "groupId", "previousId", "name"),
        *("category", "channel", "writeKey", "_ip", "message", ""),
    ],
    "posthog": [
        *("event", "distinct_id", "$distinct_id", "uuid", "timestamp", "sent_at", "offset", "properties", "$set"),
        *("context", "api_key", "token", "library", "messageId", "ip", "_ip", ""),
    ],
}
_CONTEXT = ["page", "campaign", "device", "os", "app", "library", "locale", "userAgent", "ip", "flags", "traits"]
_PROPERTIES = ["$current_url", "$os", "$lib", "$ip", "$device_id", "$session_id", "$sent_at", "revenue", "currency"]


def hostile_events(protocol: Protocol) -> list[str]:
    good = json.dumps(GOOD[protocol])[1:-1]
    found = [f"{{{good},{json.dumps(name)}:{value}}}" for name in _NAMES[protocol] for value in _VALUES]
    for holder, names in (("context", _CONTEXT), ("properties", _PROPERTIES)):
        found += [f'{{{good},"{holder}":{{{json.dumps(name)}:{value}}}}}' for name in names for value in _VALUES]
    return found


def check_values(recorder: RecordingProducer) -> None:
    """Whatever was taken can be read again by the feeder."""
    for key, value in recorder.messages:
        assert len(value) <= MAX_EVENT_BYTES
        event = decode_event(value, event_id="none", received_on=NOW)
        assert event.key == key
        assert event.source == "web"
        assert event.event_id != "none"


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
@pytest.mark.parametrize("path", PATHS)
def test_whole_bodies(source: Source, recorder: RecordingProducer, path: str, body: bytes) -> None:
    for key_in_header in (True, False):
        headers = {"X-Write-Key": source.write_key} if key_in_header else {}
        response = Client().post(path, body, content_type="application/json", headers=headers)
        assert response.status_code in (200, 202, 400, 401, 413)
        answer = response.json()
        if response.status_code >= 400:
            assert answer["code"] in CODES or answer["code"] == "no_valid_event"
            assert answer["message"]
        for rejection in answer.get("rejected", []):
            assert rejection["code"] in CODES
            assert rejection["message"]
    check_values(recorder)


@pytest.mark.parametrize("path", ["/api/v1/events", "/v1/batch", "/v1/page", "/batch"])
def test_one_hostile_event_spoils_no_other(source: Source, recorder: RecordingProducer, path: str) -> None:
    endpoint = ENDPOINTS[path]
    good = json.dumps(GOOD[endpoint.protocol])
    events = hostile_events(endpoint.protocol)
    step = 400
    accepted = 0
    for start in range(0, len(events), step):
        chosen = events[start : start + step]
        listed = ",".join([good, *chosen, good])
        body = f"[{listed}]" if endpoint.protocol == "native" else f'{{"batch":[{listed}]}}'
        reply = send(path, body.encode(), key=source.write_key)
        assert reply.status in (200, 202)
        rejected = reply.document["rejected"]
        assert {one.index for one in rejected} <= set(range(1, len(chosen) + 1))
        assert reply.document["accepted"] + len(rejected) == len(chosen) + 2
        assert {one.code for one in rejected} <= CODES.keys()
        assert msgspec.json.decode(reply.body)
        accepted += reply.document["accepted"]
    assert len(recorder.messages) == accepted
    assert len(events) / 4 < accepted < len(events)
    check_values(recorder)


@pytest.mark.parametrize("path", ["/pixel/v1/track", "/pixel/v1/page"])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "&&&===",
        "%00=%00",
        "event=%ED%A0%80&userId=%00",
        "event=A&userId=u&properties=[[[",
        "event=A&userId=u&properties=" + "[" * 20_000,
        "event=A&userId=u&context={%22page%22:NaN}",
        "event=A&userId=u&context={%22a%22:1e400}&timestamp=never",
        "event=A&userId=u&context=" + "{%22a%22:" * 2000 + "1" + "}" * 2000,
        "event=A&userId=u&context={%22a%22:" + "9" * 5000 + "}",
        "event=A&userId=u&context={%22a%22:%22\\ud800%22}",
        "a=1&" * 2000,
    ],
)
def test_pixels(source: Source, recorder: RecordingProducer, path: str, query: str) -> None:
    reply = send(path, key=source.write_key, query=query)
    assert reply.status in (200, 413)
    assert reply.body
    check_values(recorder)


HOSTILE_HEADERS: list[dict[str, Any]] = [
    {"Authorization": "Bearer " + "k" * 5000},
    {"Authorization": "Basic " + "A" * 4001},
    {"Authorization": "Basic AP8="},
    {"X-Write-Key": "\x00"},
    {"X-Write-Key": "'; DROP TABLE analytics_app_source; --"},
    {"User-Agent": "Mozilla/" * 1000},
    {"User-Agent": "\ud800"},
    {"Origin": "https://a.example\x00"},
    {"Content-Length": "abc"},
    {"Content-Encoding": "gzip, br, zstd"},
]


@pytest.mark.parametrize("headers", HOSTILE_HEADERS, ids=str)
def test_headers(source: Source, recorder: RecordingProducer, headers: dict[str, str]) -> None:
    reply = send("/v1/track", GOOD["segment"], key=headers.get("X-Write-Key", source.write_key), headers=headers)
    assert reply.status in (200, 401)
    check_values(recorder)
