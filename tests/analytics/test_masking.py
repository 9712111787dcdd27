"""Excerpts: what identifies a person is masked, everything else can be read, and nothing breaks them."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokerlytics.masking import EXCERPT, event_type_of, excerpt, mask, mask_text

IDS = [
    *("device_id", "user_id", "session_id", "userId", "anonymousId", "previousId", "groupId", "distinct_id", "alias"),
    *("$device_id", "$session_id", "$user_id", "deviceId", "email", "backup_email", "phone", "firstName", "last_name"),
    *("ip", "$ip", "ip_address", "token", "api_key", "writeKey", "password", "Authorization", "set-cookie"),
]
SECRET = "secret-value-42"


@pytest.mark.parametrize("name", IDS)
def test_ids_and_secrets_are_masked_wherever_they_are(name: str) -> None:
    event = {"event": "x", name: SECRET, "properties": {"list": [{name: SECRET}]}, "context": {name: {"a": [SECRET]}}}
    text = excerpt(event)
    assert SECRET not in text
    assert text.count("se…42") == 3


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("cut", [1, 40])
def test_they_are_masked_in_a_body_that_is_cut_off(name: str, cut: int) -> None:
    body = json.dumps({"event": "x", name: SECRET, "more": {name: SECRET, "end": "x" * 40}}).encode()[:-cut]
    assert SECRET not in excerpt(body)
    assert "se…42" in excerpt(body)


def test_what_names_a_person_is_masked_and_what_names_a_thing_is_not() -> None:
    event = {
        "name": "Pricing page",
        "context": {
            "app": {"name": "Shop", "version": "1.2.3.4"},
            "userAgent": "Mozilla/5.0 Chrome/120.0.0.0",
            "traits": {"name": "Jane Roe-Doe", "address": {"city": "Aberystwyth"}},
            "device": {"id": "A1B2C3D4E5", "model": "Pixel 9"},
        },
        "$set": {"name": "Jane Roe-Doe"},
        "messageId": "m-0123456789",
    }
    shown = json.loads(excerpt(event))
    assert shown["name"] == "Pricing page"
    assert shown["messageId"] == "m-0123456789"
    assert shown["$set"] == {"name": "Ja…oe"}
    assert shown["context"] == {
        "app": {"name": "Shop", "version": "1.2.3.4"},
        "userAgent": "Mozilla/5.0 Chrome/120.0.0.0",
        "traits": {"name": "Ja…oe", "address": {"city": "Ab…th"}},
        "device": {"id": "A1…E5", "model": "Pixel 9"},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to jane.roe@example.org now", "write to ja…rg now"),
        ("https://a.example/?q=1&email=jane%40example.org#x", "https://a.example/?q=1&email=ja…rg#x"),
        ("https://a.example/?user_id=4711-4712&utm_source=x", "https://a.example/?user_id=47…12&utm_source=x"),
        ("user_id=4711-4712&event=x", "user_id=47…12&event=x"),
        ("from 192.168.10.20:443", "from 19…20:443"),
        ("from [2001:db8::8a2e:370:7334]", "from [20…34]"),
        ("key wk_0123456789abcdef", "key wk…ef"),
        ("at 12:30:45, version 1.2.3, std::map", "at 12:30:45, version 1.2.3, std::map"),
    ],
)
def test_addresses_and_keys_inside_texts(text: str, expected: str) -> None:
    assert mask_text(text) == expected
    assert json.loads(excerpt({"note": text}))["note"] == expected


def test_nothing_is_left_of_a_short_text() -> None:
    assert mask("a-1") == mask("1234567") == "…"
    assert json.loads(excerpt({"user_id": 42, "device_id": None})) == {"user_id": "…", "device_id": None}
    assert json.loads(excerpt({"user_id": 1234567890})) == {"user_id": "12…90"}


@pytest.mark.parametrize("keep", [None, 120])
def test_a_gzipped_body_is_shown_as_far_as_it_goes(keep: int | None) -> None:
    event = {"event": "Signed Up", "userId": SECRET, "noise": [n * 7919 % 1009 for n in range(200)]}
    text = excerpt(gzip.compress(json.dumps(event).encode())[:keep])
    assert "Signed Up" in text
    assert SECRET not in text


def test_bytes_that_are_no_text_are_shown_in_hex() -> None:
    assert excerpt(b"\x1f\x8b" + bytes(range(160, 255))).startswith("97 bytes that are not text: 1f 8b a0")


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        nested(50_000),
        [[]] * 100_000,
        {str(n): n for n in range(100_000)},
        [10**5000],
        {10**5000: 1, 2: 3},
        float("nan"),
        "x" * 1_000_000,
        {"a" * 10_000: "\ud800\x00"},
        {"when": {1, 2}},
        b"[" * 4096,
        b'{"a":"' + b"\\" * 4000,
        b"9" * 4096,
        b"",
    ],
)
def test_whatever_comes_is_short_and_can_be_stored(value: Any) -> None:
    text = excerpt(value)
    assert len(text) <= EXCERPT
    assert "\x00" not in text
    text.encode()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(JSON | st.binary())
def test_any_json_and_any_bytes(value: Any) -> None:
    text = excerpt(value)
    assert len(text) <= EXCERPT
    text.encode()


@given(JSON)
def test_no_id_gets_through(value: Any) -> None:
    assert SECRET not in excerpt({"properties": {"deep": [{"user_id": SECRET}, value]}, "email": [SECRET]})


def test_the_name_of_an_event_in_each_protocol() -> None:
    assert event_type_of({"event_type": "A", "name": "B"}) == "A"
    assert event_type_of({"event": "A", "type": "track"}) == "A"
    assert event_type_of({"type": "page", "name": "A"}) == "A"
    assert event_type_of({"type": "identify", "event": 1}) == "identify"
    assert event_type_of({"api_key": "x", "batch": [{"event": "A"}, {"event": "B"}]}) == "A"
    assert event_type_of([{"event_type": "A"}]) == "A"
    assert event_type_of([]) == event_type_of({"batch": 1}) == event_type_of("text") == event_type_of(None) == ""
