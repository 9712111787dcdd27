"""Whole batches into rows: the same bytes as one by one, for whatever is on the topic."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokerlytics.csv_format import encode_row
from brokerlytics.csv_rows import plain_rows
from brokerlytics.event import FIELDS, KINDS, InvalidEventError
from brokerlytics.event_codec import build_event, decode_event, encode_event

NOW = datetime(2026, 8, 22, 9, 30, 12, 345_000, tzinfo=UTC)
TIME = "2026-08-22T09:30:12.345Z"
GOOD: dict[str, Any] = {
    "v": 1,
    "event_id": "e",
    "kind": "track",
    "event_type": "VIEW",
    "device_id": "d",
    "created_on": TIME,
    "original_created_on": TIME,
    "received_on": TIME,
    "source": "shop",
    "properties": {"n": 1, "text": 'a,"b"\r\nc'},
}
TEXT = st.text(max_size=12) | st.sampled_from(["a,b", 'a"b', "a\r\nb", "a\nb", "", "\0", "é", "=1+1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TIMES = [
    TIME,
    "2024-02-29T00:00:00.000Z",
    "2023-02-29T00:00:00.000Z",
    "2026-08-22T24:00:00.000Z",
    "2026-08-22T23:60:00.000Z",
    "2026-08-22T23:59:60.000Z",
    "1969-12-31T23:59:59.999Z",
    "2100-01-01T00:00:00.000Z",
    "2026-08-22T09:30:12.345",
    "Z2026-08-22T09:30:12.345Z",
    "2026-08-22T09:30:12.3456Z",
    "2026-08-22T09:30:12.345999Z",
    "2026-08-22T09:30:12Z",
    "2026-08-22T09:30:12.345678",
    "2026-08-22T09:30:12.345+02:00",
    "2026-08-22 09:30:12.345Z",
    "٢026-08-22T09:30:12.345Z",
    "",
    "soon",
]
NUMBERS = st.floats() | st.integers() | st.sampled_from([0, -0.0, 1e12, 1e13, 1.23456789, 1e-7, True])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "time": st.sampled_from(TIMES),
    "kind": st.sampled_from([*KINDS, "other"]),
    "currency": st.sampled_from(["EUR", "eur", "E1"]),
    "number": NUMBERS,
    "object": st.dictionaries(TEXT, JSON, max_size=3),
}


def field_value(name: str, type_: str) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(name), VALUES.get(type_, TEXT) | JSON)


CHANGES = st.lists(
    st.one_of([field_value(field.name, field.type) for field in FIELDS] + [st.tuples(TEXT, JSON)]), max_size=4
)
MONEY = st.fixed_dictionaries({}, optional={"revenue": NUMBERS, "currency": st.sampled_from(["EUR", "usd", "", 7])})


def one_by_one(value: bytes | None, offset: int) -> bytes | None:
    try:
        return encode_row(decode_event(value, event_id=f"t-0-{offset}", received_on=NOW), 3, offset)
    except InvalidEventError:
        return None


def assert_same(values: list[bytes | None]) -> int:
    """Returns how many were plain."""
    rows = plain_rows(values)
    assert len(rows) == len(values)
    for offset, (value, row) in enumerate(zip(values, rows, strict=True)):
        if row is not None:
            assert f"{row[1]},3,{offset}\r\n".encode() == one_by_one(value, offset)
            event = decode_event(value, event_id="", received_on=NOW)
            assert row[0] == f"{event.source or ''}\0{event.event_id}".encode()
    return sum(row is not None for row in rows)


@given(st.lists(st.tuples(CHANGES, MONEY), min_size=1, max_size=4))
def test_a_plain_event_has_the_bytes_that_the_rules_give(changes: list[tuple[list[tuple[str, Any]], Any]]) -> None:
    values = []
    for fields, money in changes:
        event = GOOD | dict(fields)
        if isinstance(event["properties"], dict):
            event["properties"] = event["properties"] | money
        values.append(json.dumps(event).encode())
    assert_same([json.dumps(GOOD).encode(), *values])


@given(CHANGES)
def test_what_our_producer_writes_is_plain(changes: list[tuple[str, Any]]) -> None:
    try:
        value = encode_event(build_event(GOOD | dict(changes), event_id="made", received_on=NOW))
    except InvalidEventError:
        return
    money = {"revenue", "currency"} & {*msgspec.json.decode(value), *msgspec.json.decode(value).get("properties", {})}
    assert assert_same([value]) == 1 or money or b"\\u0000" in value


@pytest.mark.parametrize("time", ["2026-08-22T09:30:12.345Z", "2026-08-22T09:30:12.345999Z", "2026-08-22T09:30:12Z"])
def test_each_form_of_a_time_is_plain_beside_the_others(time: str) -> None:
    assert assert_same([json.dumps(GOOD | {"created_on": time}).encode(), json.dumps(GOOD).encode()]) == 2


@pytest.mark.parametrize("name", ["created_on", "original_created_on", "received_on"])
@pytest.mark.parametrize("time", TIMES)
def test_a_time_that_is_none_is_not_plain(name: str, time: str) -> None:
    good = json.dumps(GOOD).encode()
    assert assert_same([good, json.dumps(GOOD | {name: time}).encode(), good]) >= 2


@pytest.mark.parametrize("text", ["a,b", 'a"b', "a\nb", "a\rb", "é", "x" * 200])
def test_texts_that_have_to_be_quoted_are_plain_too(text: str) -> None:
    assert assert_same([json.dumps(GOOD | {"event_type": text, "page_title": text}).encode()] * 2) == 2


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"junk",
        b"[]",
        b'{"v": 2}',
        b"\xff",
        b"[" * 100_000,
        json.dumps(GOOD | {"event_type": "a\0"}).encode(),
        json.dumps(GOOD | {"event_type": "\ud800"}).encode(),
        json.dumps(GOOD | {"created_on": "2026-02-30T00:00:00.000Z"}).encode(),
        json.dumps(GOOD | {"sent_on": TIME}).encode(),
        json.dumps(GOOD | {"colour": "red"}).encode(),
        json.dumps(GOOD | {"properties": {"revenue": 3}}).encode(),
        json.dumps({**GOOD, "device_id": None}).encode(),
        json.dumps({name: value for name, value in GOOD.items() if name != "device_id"}).encode(),
        json.dumps({name: value for name, value in GOOD.items() if name != "event_id"}).encode(),
    ],
)
def test_what_is_not_plain_is_left_to_the_rules_and_spoils_nothing_else(value: bytes | None) -> None:
    good = json.dumps(GOOD).encode()
    assert [row is None for row in plain_rows([good, value, good])] == [False, True, False]


def test_money_is_plain_when_both_cells_are_there() -> None:
    assert assert_same([json.dumps(GOOD | {"revenue": 9.90, "currency": "eur", "properties": {}}).encode()]) == 1


@pytest.mark.parametrize("depth", [10, 100, *range(300, 1_100, 7)])
def test_no_depth_of_nesting_ends_the_feeder(depth: int) -> None:
    deep = json.dumps(GOOD).replace('"properties": {"n"', f'"properties": {{"deep": {"[" * depth}{"]" * depth}, "n"')
    assert_same([deep.encode()])
