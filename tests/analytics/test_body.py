import pytest

from analytics_app.body import MAX_BODY_BYTES, MAX_EVENTS, BodyError, BodyTooLargeError, UnreadableEvent, read_events


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b'{"a":1}', [{"a": 1}]),
        (b' [ {"a":1} , 2, null ] ', [{"a": 1}, 2, None]),
        (b'"text"', ["text"]),
        (b'\xef\xbb\xbf{"a":1}', [{"a": 1}]),
        ('{"a":"Zoë"}'.encode(), [{"a": "Zoë"}]),
        (b'[{"a":"\\ud800"},{"b":1}]', [{"a": "\ud800"}, {"b": 1}]),
    ],
)
def test_what_is_json_is_read(body: bytes, events: list[object]) -> None:
    assert read_events(body) == events


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"1" * 5000])
def test_a_number_beyond_json_spoils_its_event_only(number: bytes) -> None:
    events = read_events(b'[{"a":1},{"properties":{"n":[%s]}},{"b":2}]' % number)
    assert events[0] == {"a": 1}
    assert isinstance(events[1], UnreadableEvent)
    assert events[2] == {"b": 2}


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (b"", "empty_body", "empty"),
        (b" \n\t", "empty_body", "empty"),
        (b"[]", "empty_body", "no event"),
        (b'{"a":1,\n "b" 2}', "not_json", "line 2, column 6"),
        (b'[{"a":1}', "not_json", "line 1, column 9"),
        (b"event_type=A", "not_json", "line 1, column 1"),
        (b'{"a":"\xff"}', "not_json", "byte 6"),
        (b'{"a":1}{"a":2}', "not_json", "line 1, column 8"),
        (b"[" * 100_000, "not_json", "deeply"),
        (b'{"a":' * 100_000, "not_json", "deeply"),
        (b"NaN" + b"[" * 100_000, "not_json", "line 1"),
        (b"[NaN," + b"[" * 100_000, "not_json", "deeply"),
        (b"\x1f\x8b\x08\x00\x00", "not_json", "not UTF-8"),
    ],
)
def test_what_is_no_json_is_told_where(body: bytes, code: str, told: str) -> None:
    with pytest.raises(BodyError) as caught:
        read_events(body)
    assert caught.value.code == code
    assert told in caught.value.message
    assert not isinstance(caught.value, BodyTooLargeError)


def test_limits() -> None:
    assert len(read_events(b"[" + b",".join([b"{}"] * MAX_EVENTS) + b"]")) == MAX_EVENTS
    with pytest.raises(BodyTooLargeError, match=str(MAX_EVENTS)):
        read_events(b"[" + b",".join([b"{}"] * (MAX_EVENTS + 1)) + b"]")
    with pytest.raises(BodyTooLargeError, match=str(MAX_BODY_BYTES)):
        read_events(b" " * (MAX_BODY_BYTES + 1))
