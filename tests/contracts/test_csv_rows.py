"""Whole batches into rows: the same bytes as one by one, for whatever is on the topic."""

import re
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.csv_format import encode_row
from brokerlytics.csv_rows import RowEncoder
from brokerlytics.event import FIELDS, KINDS, InvalidEventError
from brokerlytics.event_codec import build_event, decode_event, encode_event
from brokerlytics.native.library import DIGEST_BYTES, Library
from feeder_app.digest_sets import digests_of
from tests.contracts.plain_events import GOOD, NOW, TIME, compact, damaged, simulated

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


@pytest.fixture(scope="module")
def encoder(native: Library) -> RowEncoder:
    return RowEncoder(native)


def assert_same(encoder: RowEncoder, values: list[bytes | None]) -> int:
    """Returns how many were plain."""
    rows = encoder.encode(values, 3, range(len(values)))
    for offset, value in enumerate(values):
        if rows.is_plain(offset):
            assert bytes(rows.row(offset)) == one_by_one(value, offset), value
            event = decode_event(value, event_id="", received_on=NOW)
            identity = f"{event.source or ''}\0{event.event_id}".encode()
            assert rows.digests[offset * DIGEST_BYTES :][:DIGEST_BYTES] == digests_of([identity])
    plain = sum(map(rows.is_plain, range(len(values))))
    assert rows.all_plain == (plain == len(values))
    return plain


@settings(deadline=None)
@given(changes=st.lists(st.tuples(CHANGES, MONEY), min_size=1, max_size=4))
def test_a_plain_event_has_the_bytes_that_the_rules_give(
    encoder: RowEncoder, changes: list[tuple[list[tuple[str, Any]], Any]]
) -> None:
    values = []
    for fields, money in changes:
        event = GOOD | dict(fields)
        if isinstance(event["properties"], dict):
            event["properties"] = event["properties"] | money
        values.append(compact(event))
    assert assert_same(encoder, [compact(GOOD), *values]) >= 1


@settings(max_examples=300, deadline=None)
@given(changes=CHANGES)
def test_what_our_producer_writes_is_plain(encoder: RowEncoder, changes: list[tuple[str, Any]]) -> None:
    try:
        value = encode_event(build_event(GOOD | dict(changes), event_id="made", received_on=NOW))
    except InvalidEventError:
        return
    fields = msgspec.json.decode(value)
    texts = [fields.get(name, "") for name in ("event_id", "source")]
    rare = (
        {"revenue", "currency"} & {*fields, *fields.get("properties", {})}
        or b"\\u00" in value
        or re.search(rb"\d{16}|\de|[{,:\[]-?0\.0000|-0\.0[,\]}]|\.\d*\d{14}", value)
        or any(re.search(r'["\\\x00-\x1f]', text) for text in texts)
    )
    assert assert_same(encoder, [value]) == 1 or rare


@pytest.mark.parametrize("seed", range(4))
def test_damaged_events_have_the_bytes_that_the_rules_give(encoder: RowEncoder, seed: int) -> None:
    values: list[bytes | None] = [*damaged(seed, 3000)]
    plain = assert_same(encoder, values)
    assert 0.03 < plain / len(values) < 0.5


@settings(deadline=None)
@given(value=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_too_strange(encoder: RowEncoder, value: bytes) -> None:
    good = compact(GOOD)
    assert assert_same(encoder, [good, value, good.replace(b"VIEW", value), good.replace(b"1,", value)]) >= 1


def test_events_of_the_simulator_are_plain(encoder: RowEncoder) -> None:
    values = simulated()
    assert assert_same(encoder, [*values]) == len(values) > 300


def test_every_field_and_kind_of_the_contract_is_plain(encoder: RowEncoder) -> None:
    values = {"time": TIME, "kind": "track", "currency": "EUR", "number": -12.5, "object": {"a": [{"b": None}]}}
    everything = {"v": 1} | {field.name: values.get(field.type, "é" * field.max_length) for field in FIELDS}
    assert assert_same(encoder, [compact(everything | {"kind": kind}) for kind in KINDS]) == len(KINDS)
    for field in FIELDS:
        if field.max_length:
            assert assert_same(encoder, [compact(everything | {field.name: "é" * (field.max_length + 1)})]) == 0


@pytest.mark.parametrize("time", ["2026-08-22T09:30:12.345Z", "2026-08-22T09:30:12.345999Z", "2026-08-22T09:30:12Z"])
def test_each_form_of_a_time_is_plain_beside_the_others(encoder: RowEncoder, time: str) -> None:
    assert assert_same(encoder, [compact(GOOD | {"created_on": time}), compact(GOOD)]) == 2


@pytest.mark.parametrize("name", ["created_on", "original_created_on", "received_on"])
@pytest.mark.parametrize("time", TIMES)
def test_a_time_that_is_none_is_not_plain(encoder: RowEncoder, name: str, time: str) -> None:
    good = compact(GOOD)
    assert assert_same(encoder, [good, compact(GOOD | {name: time}), good]) >= 2


@pytest.mark.parametrize("text", ["a,b", 'a"b', "a\nb", "a\rb", "a\tb", "a\\b", '\\",\r\n\b\f/', "é", "😀", "x" * 200])
def test_texts_that_have_to_be_quoted_are_plain_too(encoder: RowEncoder, text: str) -> None:
    assert assert_same(encoder, [compact(GOOD | {"event_type": text, "page_title": text})] * 2) == 2


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
        compact(GOOD | {"event_type": "a\0"}),
        compact(GOOD | {"event_type": "\ud800"}),
        compact(GOOD | {"created_on": "2026-02-30T00:00:00.000Z"}),
        compact(GOOD | {"sent_on": TIME}),
        compact(GOOD | {"colour": "red"}),
        compact(GOOD | {"properties": {"revenue": 3}}),
        compact({**GOOD, "device_id": None}),
        compact({name: value for name, value in GOOD.items() if name != "device_id"}),
        compact({name: value for name, value in GOOD.items() if name != "event_id"}),
    ],
)
def test_what_is_not_plain_is_left_to_the_rules_and_spoils_nothing_else(
    encoder: RowEncoder, value: bytes | None
) -> None:
    good = compact(GOOD)
    rows = encoder.encode([good, value, good], 3, [7, 8, 9])
    assert [rows.is_plain(index) for index in range(3)] == [True, False, True]
    assert [bytes(rows.row(index)) for index in (0, 2)] == [one_by_one(good, 7), one_by_one(good, 9)]


def test_money_is_plain_when_no_property_may_fill_its_cells(encoder: RowEncoder) -> None:
    money: dict[str, Any] = {"revenue": 9.90, "currency": "eur"}
    plain: list[dict[str, Any]] = [
        money,
        {"revenue": 9},
        {"currency": "usd"},
        money | {"properties": {"revenue": 1, "currency": "x"}},
    ]
    plain += [{"kind": "identify", "properties": money}, {"kind": "group", "revenue": 3, "properties": money}]
    assert assert_same(encoder, [compact(GOOD | fields) for fields in plain]) == len(plain)
    others: list[dict[str, Any]] = [
        {"properties": money},
        {"revenue": 3, "properties": money},
        {"currency": "usd", "properties": money},
    ]
    assert assert_same(encoder, [compact(GOOD | fields) for fields in others]) == 0


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-1",
        "1.5",
        "9.90",
        "0.000001",
        "1e3",
        "-0",
        "-0.0",
        "999999999999",
        "1e12",
        "1000000000000",
        "0.1234567",
        "12345.678901",
        "123456789.123456",
        "1234567890.123456",
        "0.0",
        "00",
        "1.",
        ".5",
        "1.0000000000000000000000001",
        "0.00012",
    ],
)
def test_amounts_are_those_of_the_rules(encoder: RowEncoder, number: str) -> None:
    value = compact(GOOD | {"properties": {}, "currency": "EUR"})
    assert_same(encoder, [value[:-1] + f',"revenue":{number}}}'.encode()])
    assert_same(encoder, [compact(GOOD).replace(b'"n":1', f'"n":{number}'.encode())])


@settings(deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**10), 10**10, places=4).map(float))
def test_numbers_are_those_of_the_rules(encoder: RowEncoder, number: float) -> None:
    texts = [repr(number), f"{number:.15g}", f"{number:.6f}", msgspec.json.encode(number).decode()]
    values = [compact(GOOD).replace(b'"n":1', f'"n":{text}'.encode()) for text in texts]
    values += [value[:-1] + f',"revenue":{text}}}'.encode() for text in texts for value in [compact(GOOD)]]
    assert_same(encoder, [*values])


@pytest.mark.parametrize("depth", [10, 20, 30, 100, *range(300, 1_100, 70), 100_000])
@pytest.mark.parametrize("ends", ["[]", "{}"])
def test_no_depth_of_nesting_ends_the_feeder(encoder: RowEncoder, depth: int, ends: str) -> None:
    start = "[" if ends == "[]" else '{"a":'
    deep = f"{start * depth}1{ends[1] * depth}"
    value = compact(GOOD).replace(b'"n":1', f'"n":{deep}'.encode())
    assert assert_same(encoder, [value]) == (depth < 24)


@pytest.mark.parametrize("count", [1, 60, 65, 300, 50_000])
def test_objects_of_many_keys_are_left_to_the_rules(encoder: RowEncoder, count: int) -> None:
    many = {f"k{number}": number for number in range(count)}
    assert assert_same(encoder, [compact(GOOD | {"context": many})]) == (count <= 64)
    nested: dict[str, Any] = {}
    for _ in range(20):
        nested = {**dict(islice(many.items(), 60)), "deeper": nested}
    assert assert_same(encoder, [compact(GOOD | {"context": nested})]) == (count == 1)


@pytest.mark.parametrize(
    "object_", ['{"a":1,"a":1}', '{"a":{"b":1,"b":2}}', '{"a":1,"b":2,"a":3}', '{"a":[{"":1,"":1}]}']
)
def test_a_key_that_comes_twice_is_left_to_the_rules(encoder: RowEncoder, object_: str) -> None:
    assert assert_same(encoder, [compact(GOOD)[:-1] + f',"context":{object_}}}'.encode()]) == 0


def test_a_large_batch_needs_more_room_than_the_first(encoder: RowEncoder) -> None:
    large = compact(GOOD | {"page_title": '"' * 1024, "context": {"a": '"' * 20_000}})
    assert assert_same(encoder, [large] * 100) == 100
    assert assert_same(encoder, []) == 0


def test_rows_with_a_parting_between_them(encoder: RowEncoder) -> None:
    rows = encoder.encode([compact(GOOD)] * 6, 3, range(6))
    each = [bytes(rows.row(index)) for index in range(6)]
    assert [bytes(part) for part in rows.parts(1, b"\1\1\1")] == [b"".join(each[1:4])]
    assert [bytes(part) for part in rows.parts(1, b"\1\0\1\1")] == [each[1], each[3] + each[4]]
    assert not list(rows.parts(0, b"\0\0"))
