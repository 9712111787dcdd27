"""The short way in gives what the rules give, to the byte, or leaves the request to them."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_app import plain_intake as short_way
from analytics_app import validation
from analytics_app.body import MAX_EVENTS, BodyError, parse
from analytics_app.endpoints import NATIVE
from analytics_app.ingest import Intake, check
from analytics_app.plain_intake import encode_plain, plain_intake
from analytics_app.reading import read
from analytics_app.validation import Sender
from benchmarks.traffic import client_event
from brokerlytics.event import FIELDS, KINDS, MAX_EVENT_BYTES
from brokerlytics.native.library import Library
from tests.analytics.client_events import (
    AGENTS,
    BOT,
    CHROME,
    EVENTS,
    GOOD,
    NOW,
    STYLES,
    TIME,
    TIMES,
    URLS,
    usual_bodies,
    written,
)
from tests.analytics.test_hostile_bodies import BODIES, hostile_events
from tests.contracts.plain_events import damaged

SENDER = Sender("web", NOW)
COMPACT = STYLES[0]
_ID = re.compile(rb'"event_id":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')

pytestmark = pytest.mark.usefixtures("native")


def by_the_rules(body: bytes, sender: Sender) -> Intake | None:
    """None where the request or one of its events is refused."""
    for typed in (True, False):
        try:
            intake = check(read(parse(body, typed=typed), NATIVE), sender)
        except BodyError:
            return None
        if not intake.rejected:
            return intake
    return None


def same(value: bytes, brought: bool) -> bytes:
    """Without an id that the server made."""
    return value if brought else _ID.sub(b'"event_id":"made"', value, count=1)


def assert_plain_same(body: bytes, sender: Sender) -> None:
    """Whatever becomes of the others: each event that is plain has the bytes that the rules give."""
    encoded = encode_plain(body, sender)
    try:
        events = parse(body)
    except BodyError:
        return
    for index, message in zip(encoded.indexes, encoded.messages, strict=True) if encoded else ():
        intake = check(read([events[index]], NATIVE), sender)
        brought = bool(events[index].get("event_id"))
        assert [(key, same(value, brought)) for key, value in (message, *intake.messages)] == 2 * [
            (message[0], same(message[1], brought))
        ], body


def assert_same(body: bytes, sender: Sender = SENDER) -> bool:
    """Whether the request took the short way."""
    assert_plain_same(body, sender)
    intake = plain_intake(body, sender)
    if intake is None:
        return False
    expected = by_the_rules(body, sender)
    assert expected is not None, body
    brought = [bool(event.get("event_id")) for event in msgspec.json.decode(body)]
    assert [*intake.indexes] == [*expected.indexes] == [*range(len(brought))]
    assert not intake.rejected
    for is_brought, (key, value), (other_key, other) in zip(brought, intake.messages, expected.messages, strict=True):
        assert (key, same(value, is_brought)) == (other_key, same(other, is_brought)), body
    return True


def all_plain(events: list[Any], style: dict[str, Any] = COMPACT, sender: Sender = SENDER) -> bool:
    """Whether no rule was asked about any of them; what came out is compared as well."""
    body = written(events, style)
    assert assert_same(body, sender)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(short_way, "validate", lambda *_: ([], [None]))
        return plain_intake(body, sender) is not None


@settings(max_examples=400, deadline=None)
@given(
    events=st.lists(EVENTS, min_size=3, max_size=6),
    style=st.sampled_from(STYLES),
    agent=st.sampled_from(AGENTS),
)
def test_both_ways_give_the_same(events: list[Any], style: dict[str, Any], agent: str) -> None:
    assert_same(written(events, style), Sender("web", NOW, agent))


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_give_the_same_of_damaged_bodies(seed: int) -> None:
    usual = usual_bodies()
    short = sum(assert_same(body, Sender("web", NOW, AGENTS[seed])) for body in damaged(seed, 2500, usual))
    assert (short == 0) == (AGENTS[seed] == BOT)


@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_hostile_bodies_are_left_to_the_rules(body: bytes) -> None:
    good = written(GOOD, COMPACT)
    assert plain_intake(body, SENDER) is None
    assert_same(b"[%b,%b,%b,%b]" % (good, good, good, body))


def test_hostile_events_spoil_nothing() -> None:
    good = written(GOOD, COMPACT).decode()
    short = sum(assert_same(f"[{good},{event},{good},{good}]".encode()) for event in hostile_events("native"))
    assert short > 300


@settings(deadline=None)
@given(scrap=st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_are_too_strange(scrap: bytes) -> None:
    good = written(GOOD, COMPACT)
    body = b"[%b,%b,%b]" % (good, good, good)
    for place in (0, 1, 2, len(good), len(good) + 1, len(good) + 10, len(body)):
        assert_same(body[:place] + scrap + body[place:])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("agent", ["", "python-requests/2.32.3", CHROME])
def test_usual_events_are_plain(style: dict[str, Any], agent: str) -> None:
    sender = Sender("web", NOW, agent)
    assert all_plain([client_event(number) | {"created_on": TIME} for number in range(3)], style, sender)
    assert all(assert_same(body, sender) for body in usual_bodies())


def test_every_field_and_kind_of_the_contract_is_plain() -> None:
    values = {"time": TIME, "kind": "page", "currency": "eur", "number": 12, "object": {"a": [{"b": None}, 1.5, "é"]}}
    everything = {
        field.name: values.get(field.type, "é" * field.max_length)
        for field in FIELDS
        if field.name not in ("source", "received_on")
    }
    assert all_plain([everything | {"kind": kind, "event_id": f"e-{kind}"} for kind in KINDS])
    for name in everything:
        missing = {other: value for other, value in everything.items() if other != name}
        if name not in ("event_type", "page_path"):
            nothing: list[Any] = [missing, everything | {name: None}, everything | {name: ""}]
            assert all_plain(
                [one if name == "event_id" else one | {"event_id": f"e{n}"} for n, one in enumerate(nothing)]
            )


@pytest.mark.parametrize("value", ["1 2", "tr ue", "- 1", "1. 5", "1 .5", '"a" "b"', "nul l", "[1 2]", "5 true"])
def test_blanks_that_keep_two_parts_from_being_one_are_not_taken_away(value: str) -> None:
    good = written(GOOD, COMPACT).decode()
    for event in (
        f'{{"event_type":"A","device_id":"d","properties":{{"a":{value}}}}}',
        good.replace("}", f" {value}}}"),
    ):
        body = f"[{good},{event},{good}]".encode()
        assert not assert_same(body)
        encoded = encode_plain(body, SENDER)
        assert encoded is not None
        assert [index for index, _ in encoded.rest] == [1]


def test_the_country_of_the_request_is_that_of_events_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (short_way, validation):
        monkeypatch.setattr(module, "country_of", {"203.0.113.9": "DE"}.get)
    events = [GOOD, GOOD | {"country": "FR"}, GOOD]
    sender = Sender("web", NOW, CHROME, ip="203.0.113.9")
    assert all_plain(events, sender=sender)
    intake = plain_intake(written(events, COMPACT), sender)
    assert intake is not None
    assert [msgspec.json.decode(value)["country"] for _, value in intake.messages] == ["DE", "FR", "DE"]


@pytest.mark.parametrize("name", ["created_on", "original_created_on"])
@pytest.mark.parametrize("time", TIMES)
def test_times(name: str, time: str) -> None:
    assert_same(written([GOOD, GOOD, GOOD | {name: time}], COMPACT))
    assert_same(written([GOOD, GOOD, GOOD | {"created_on": TIME, name: time}], COMPACT))


@pytest.mark.parametrize("url", URLS)
def test_addresses(url: str) -> None:
    events = [GOOD, GOOD | {"page_url": url, "page_path": "/said"}, GOOD | {"page_url": url, "page_path": None}]
    assert assert_same(written(events, COMPACT))


def test_the_address_that_everybody_has_is_plain() -> None:
    assert all_plain([GOOD | {"page_url": url} for url in URLS[:6]])


@pytest.mark.parametrize(
    "event",
    [
        GOOD | {"source": "x"},
        GOOD | {"received_on": TIME},
        GOOD | {"sent_on": TIME, "created_on": TIME},
        GOOD | {"created_on": "2026-08-22T09:35:12.346Z"},
        GOOD | {"context": {"ip": "203.0.113.9"}},
        GOOD | {"context": {"userAgent": CHROME}},
        GOOD | {"properties": {"$raw_user_agent": BOT}},
        GOOD | {"properties": {"revenue": 5}},
        GOOD | {"page_url": "https://a.example/?utm_source=x"},
    ],
)
def test_what_a_rule_changes_is_left_to_it(event: Any) -> None:
    assert not all_plain([GOOD, event, GOOD])


@pytest.mark.parametrize(
    "event",
    [5, {}, GOOD | {"write_key": "k"}, GOOD | {"other": 1}, GOOD | {"event_type": "x" * 201}, GOOD | {"device_id": ""}],
)
def test_a_request_with_an_event_that_is_refused_or_odd_is_left_as_a_whole(event: Any) -> None:
    assert plain_intake(written([GOOD, GOOD, event, GOOD], COMPACT), SENDER) is None


def test_one_id_twice_is_left_to_the_rules() -> None:
    one, other = GOOD | {"event_id": "e"}, GOOD | {"event_id": "e", "sent_on": TIME}
    assert plain_intake(written([one, GOOD, one], COMPACT), SENDER) is None
    assert plain_intake(written([one, GOOD, other], COMPACT), SENDER) is None
    assert assert_same(written([one, GOOD, other | {"event_id": "f"}], COMPACT))


def test_a_list_that_begins_with_nothing_plain_is_left_to_the_rules_in_one_step() -> None:
    odd = GOOD | {"sent_on": TIME}
    encoded = encode_plain(written([odd] * 7 + [GOOD] * 2, COMPACT), SENDER)
    assert encoded is not None
    assert [*encoded.indexes] == [7, 8]
    assert encode_plain(written([odd] * 8 + [GOOD] * 2, COMPACT), SENDER) is None


def test_limits() -> None:
    assert all_plain([GOOD] * MAX_EVENTS)
    assert plain_intake(written([GOOD] * (MAX_EVENTS + 1), COMPACT), SENDER) is None
    one = GOOD | {"event_id": "e", "properties": {"a": ""}}
    intake = by_the_rules(written([one], COMPACT), SENDER)
    assert intake is not None
    room = MAX_EVENT_BYTES - len(intake.messages[0][1])
    assert all_plain([GOOD, GOOD, one | {"properties": {"a": "x" * room}}])
    assert plain_intake(written([GOOD, GOOD, one | {"properties": {"a": "x" * (room + 1)}}], COMPACT), SENDER) is None


def test_a_source_that_json_has_to_escape_is_left_to_the_rules() -> None:
    for name in ('a"b', "\\", "\ud800"):
        assert plain_intake(written([GOOD] * 3, COMPACT), Sender(name, NOW)) is None
    assert all_plain([GOOD] * 3, sender=Sender("é,", NOW))


def test_ids_are_unique_in_order_and_of_their_time() -> None:
    # Other tests may have been at a later time.
    short_way._encoder.cache_clear()
    found: list[str] = []
    for milliseconds in (0, 0, 1, 1, 0):
        sender = Sender("web", NOW + timedelta(milliseconds=milliseconds))
        intake = plain_intake(written([GOOD] * 1000, COMPACT), sender)
        assert intake is not None
        found += [msgspec.json.decode(value)["event_id"] for _, value in intake.messages]
    assert found == sorted(set(found))
    uuids = [UUID(one) for one in found]
    assert {(one.version, one.variant) for one in uuids} == {(7, "specified in RFC 4122")}
    start = int(NOW.timestamp() * 1000)
    assert [one.int >> 80 for one in uuids] == [start] * 2000 + [start + 1] * 3000
    # What follows the number is as good as drawn.
    assert len({one.int & (2**42 - 1) for one in uuids}) == 5000


def test_without_a_compiler_the_rules_take_all(native: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert native
    monkeypatch.setattr(short_way, "_encoder", lambda: None)
    assert plain_intake(written([GOOD] * 3, COMPACT), SENDER) is None
