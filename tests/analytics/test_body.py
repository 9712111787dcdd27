import base64
import gzip
import io
import json
import tracemalloc
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from analytics_app.body import (
    MAX_BODY_BYTES,
    MAX_EVENTS,
    MAX_INFLATED_BYTES,
    BodyError,
    BodyTooLargeError,
    UnreadableEvent,
    check_events,
    read_body,
)

EVENT = {"a": "é&=+%/~", "b": [1, {"c": None}]}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":1}', {"a": 1}),
        (b' [ {"a":1} , 2, null ] ', [{"a": 1}, 2, None]),
        (b'"text"', "text"),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        ('{"a":"Zoë"}'.encode(), {"a": "Zoë"}),
        (b'[{"a":"\\ud800"},{"b":1}]', [{"a": "\ud800"}, {"b": 1}]),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_what_is_json_is_read(body: bytes, value: object) -> None:
    assert read_body(body) == value


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"1" * 5000])
def test_a_number_beyond_json_spoils_its_event_only(number: bytes) -> None:
    events = b'[{"a":1},{"properties":{"n":[%s]}},{"b":2}]' % number
    for body, found in ((events, read_body(events)), (b'{"batch":%s}' % events, None)):
        items = found or read_body(body)["batch"]
        assert items[0] == {"a": 1}
        assert isinstance(items[1], UnreadableEvent)
        assert items[2] == {"b": 2}


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (b"", "empty_body", "empty"),
        (b" \n\t", "empty_body", "empty"),
        (b'{"a":1,\n "b" 2}', "not_json", "line 2, column 6"),
        (b'[{"a":1}', "not_json", "line 1, column 9"),
        (b"event_type=A", "not_json", "line 1, column 1"),
        (b'{"a":"\xff"}', "not_json", "byte 6"),
        (b'{"a":1}{"a":2}', "not_json", "line 1, column 8"),
        (b"[" * 100_000, "not_json", "deeply"),
        (b'{"a":' * 100_000, "not_json", "deeply"),
        (b"NaN" + b"[" * 100_000, "not_json", "line 1"),
        (b"[NaN," + b"[" * 100_000, "not_json", "deeply"),
        (b"\x1f\x8b\x08\x00\x00", "bad_gzip", "too early"),
        (b"\x1f\x8bxyz", "bad_gzip", "damaged"),
        (gzip.compress(b'{"a":1}')[:-4], "bad_gzip", "too early"),
        (gzip.compress(b""), "empty_body", "empty"),
        (gzip.compress(b"{"), "not_json", "line 1, column 2"),
        (b"data=", "empty_body", "empty"),
        (b"data=%%%", "not_json", "base64"),
        (b"data=abc", "not_json", "base64"),
        (b"data=" + base64.b64encode(b"{"), "not_json", "line 1, column 2"),
    ],
)
def test_what_is_no_json_is_told_where(body: bytes, code: str, told: str) -> None:
    with pytest.raises(BodyError) as caught:
        read_body(body)
    assert caught.value.code == code
    assert told in caught.value.message
    assert not isinstance(caught.value, BodyTooLargeError)


def _form(value: str) -> bytes:
    return urlencode({"compression": "", "data": value}).encode()


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(json.dumps(EVENT).encode()),
        b"data=" + quote(json.dumps(EVENT)).encode(),
        b"data=" + quote(base64.b64encode(json.dumps(EVENT).encode())).encode(),
        # Without any escaping: the plus signs of base64 arrive as they are.
        b"data=" + base64.b64encode(json.dumps(EVENT, ensure_ascii=False).encode()),
        b"data=" + quote(json.dumps(EVENT)).encode() + b"&ip=1&ver=1.96.1",
        gzip.compress(b"data=" + quote(json.dumps(EVENT)).encode()),
    ],
)
def test_packed_and_in_forms(body: bytes) -> None:
    assert read_body(body) == EVENT


def test_a_plus_sign_in_a_form_is_kept() -> None:
    event = {"a": ">>>???~~~"}
    packed = base64.b64encode(json.dumps(event).encode())
    assert b"+" in packed
    assert read_body(b"data=" + packed) == event


def test_limits() -> None:
    assert len(check_events([{}] * MAX_EVENTS)) == MAX_EVENTS
    with pytest.raises(BodyTooLargeError, match=str(MAX_EVENTS)) as caught:
        check_events([{}] * (MAX_EVENTS + 1))
    assert caught.value.code == "too_many_events"
    with pytest.raises(BodyError, match="no event") as empty:
        check_events([])
    assert empty.value.code == "empty_body"
    text = b'"%s"' % (b"x" * (MAX_BODY_BYTES - 2))
    assert len(read_body(text)) == MAX_BODY_BYTES - 2
    with pytest.raises(BodyTooLargeError, match=str(MAX_BODY_BYTES)) as large:
        read_body(text + b" ")
    assert large.value.code == "body_too_large"


def test_the_limit_of_what_was_gzipped() -> None:
    whole = b'"%s"' % (b"x" * (MAX_INFLATED_BYTES - 2))
    assert len(read_body(gzip.compress(whole))) == MAX_INFLATED_BYTES - 2
    with pytest.raises(BodyTooLargeError, match=str(MAX_INFLATED_BYTES)) as caught:
        read_body(gzip.compress(whole + b" "))
    assert caught.value.code == "inflated_too_large"


def bomb() -> bytes:
    """A small body of gzip that unpacks to 200 MB."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb") as file:
        for _ in range(200):
            file.write(bytes(1024 * 1024))
    return out.getvalue()


def test_a_gzip_bomb_costs_little_memory() -> None:
    body = bomb()
    assert len(body) < MAX_BODY_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            read_body(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The buffer of zlib grows in steps and is copied when it is cut.
    assert peak < 4 * MAX_INFLATED_BYTES


@pytest.mark.parametrize("value", [EVENT, [EVENT], {"batch": [EVENT]}])
def test_the_same_json_whatever_it_is_packed_in(value: Any) -> None:
    text = json.dumps(value)
    assert (
        read_body(text.encode())
        == read_body(gzip.compress(text.encode()))
        == read_body(b"data=" + quote(text).encode())
    )
