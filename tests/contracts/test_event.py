"""The event contract: what is taken, how it is changed, why it is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics import event_codec
from brokerlytics.event import (
    EVENT_VERSION,
    FIELDS,
    KINDS,
    MAX_EVENT_BYTES,
    MAX_REVENUE,
    ClientEvent,
    Event,
    InvalidEventError,
    Reason,
)
from brokerlytics.event_codec import build_event, decode_event, encode_event
from brokerlytics.timestamps import cut_to_milliseconds

NOW = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)
GOOD = {"event_type": "A", "device_id": "d"}


def build(**fields: Any) -> Event:
    return build_event(GOOD | fields, event_id="made", received_on=NOW)


def test_the_fields_of_the_struct_are_those_of_the_contract() -> None:
    names = tuple(field.name for field in FIELDS)
    assert Event.__struct_fields__ == names
    assert ClientEvent.__struct_fields__ == (*names, "sent_on")


def test_what_is_missing_is_filled() -> None:
    event = build()
    assert (event.event_id, event.kind) == ("made", "track")
    assert event.created_on == event.original_created_on == event.received_on == NOW
    assert event.properties == event.context == {}
    assert event.key == b"d"
    assert build_event({"event_type": "A", "user_id": "u"}, event_id="e", received_on=NOW).key == b"u"


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("event_id", 7, "7"),
        ("device_id", 12345678901234567890, "12345678901234567890"),
        ("device_id", "ü" * 200, "ü" * 200),
        ("currency", "eur", "EUR"),
        ("revenue", 3, 3.0),
        ("revenue", -0.5, -0.5),
        ("revenue", 1.23456789, 1.234568),
        ("kind", "screen", "screen"),
        ("created_on", "2026-08-22T11:30:00.123456+02:00", datetime(2026, 8, 22, 9, 30, 0, 123000, tzinfo=UTC)),
        ("created_on", "2026-08-22", datetime(2026, 8, 22, tzinfo=UTC)),
        ("platform", None, None),
        ("platform", "", None),
        ("properties", {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
    ],
)
def test_values_that_are_taken(field: str, given: Any, kept: Any) -> None:
    assert getattr(build(**{field: given}), field) == kept


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"event_type": None}, Reason.MISSING_FIELD, "event_type"),
        ({"event_type": ""}, Reason.MISSING_FIELD, "event_type"),
        ({"device_id": None}, Reason.MISSING_FIELD, "device_id"),
        ({"event_type": 1}, Reason.INVALID_TYPE, "event_type"),
        ({"device_id": True}, Reason.INVALID_TYPE, "device_id"),
        ({"device_id": 1.5}, Reason.INVALID_TYPE, "device_id"),
        ({"platform": ["web"]}, Reason.INVALID_TYPE, "platform"),
        ({"event_type": "x" * 201}, Reason.TOO_LONG, "event_type"),
        ({"device_id": "x" * 201}, Reason.TOO_LONG, "device_id"),
        ({"device_id": 10**250}, Reason.TOO_LONG, "device_id"),
        ({"currency": "EURO"}, Reason.TOO_LONG, "currency"),
        ({"currency": "E1"}, Reason.INVALID_VALUE, "currency"),
        ({"currency": "xß"}, Reason.INVALID_VALUE, "currency"),
        ({"currency": "ÄÖÜ"}, Reason.INVALID_VALUE, "currency"),
        ({"event_type": "a\x00b"}, Reason.INVALID_VALUE, "event_type"),
        ({"user_id": "\ud800"}, Reason.INVALID_VALUE, "user_id"),
        ({"kind": "party"}, Reason.INVALID_VALUE, "kind"),
        ({"kind": ["track"]}, Reason.INVALID_VALUE, "kind"),
        ({"created_on": 1700000000}, Reason.INVALID_TYPE, "created_on"),
        ({"created_on": "soon"}, Reason.INVALID_VALUE, "created_on"),
        ({"created_on": "1969-12-31"}, Reason.INVALID_VALUE, "created_on"),
        ({"created_on": "2100-01-01"}, Reason.INVALID_VALUE, "created_on"),
        ({"created_on": "0001-01-01T00:00:00+05:00"}, Reason.INVALID_VALUE, "created_on"),
        ({"sent_on": "soon"}, Reason.INVALID_VALUE, "sent_on"),
        ({"sent_on": 5}, Reason.INVALID_TYPE, "sent_on"),
        ({"revenue": "5"}, Reason.INVALID_TYPE, "revenue"),
        ({"revenue": True}, Reason.INVALID_TYPE, "revenue"),
        ({"revenue": MAX_REVENUE * 2}, Reason.INVALID_VALUE, "revenue"),
        ({"revenue": float("nan")}, Reason.INVALID_VALUE, "revenue"),
        ({"revenue": 10**400}, Reason.INVALID_VALUE, "revenue"),
        ({"properties": []}, Reason.INVALID_TYPE, "properties"),
        ({"context": "x"}, Reason.INVALID_TYPE, "context"),
    ],
)
def test_why_fields_are_refused(fields: dict[str, Any], reason: Reason, field: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        encode_event(build(**fields))
    assert (caught.value.reason, caught.value.field) == (reason, field)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.EMPTY_VALUE),
        (b"", Reason.EMPTY_VALUE),
        (b"{", Reason.NOT_JSON),
        (b'{"a":"\xff"}', Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        (b"NaN", Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b'{"v":2,"event_type":"A","device_id":"d"}', Reason.UNSUPPORTED_VERSION),
        (b'{"v":"1","event_type":"A","device_id":"d"}', Reason.UNSUPPORTED_VERSION),
        (b'{"device_id":"d"}', Reason.MISSING_FIELD),
        (rb'{"event_type":"a\u0000","device_id":"d"}', Reason.INVALID_VALUE),
    ],
)
def test_why_records_are_refused(value: bytes | None, reason: Reason) -> None:
    with pytest.raises(InvalidEventError) as caught:
        decode_event(value, event_id="e", received_on=NOW)
    assert caught.value.reason == reason


def test_what_cannot_be_encoded_is_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(2000):
        nested = {"a": nested}
    for properties, reason in (
        ({"a": "x" * MAX_EVENT_BYTES}, Reason.EVENT_TOO_LARGE),
        ({"a": "\ud800"}, Reason.INVALID_VALUE),
        (nested, Reason.INVALID_VALUE),
    ):
        with pytest.raises(InvalidEventError) as caught:
            encode_event(build(properties=properties))
        assert caught.value.reason == reason


def test_the_types_of_the_struct_are_those_of_the_contract() -> None:
    for field in FIELDS:
        if field.type in ("id", "text"):
            assert build(**{field.name: "x" * field.max_length})
            with pytest.raises(msgspec.ValidationError, match=field.name):
                msgspec.convert(msgspec.to_builtins(build()) | {field.name: "x" * (field.max_length + 1)}, Event)


ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.text(st.characters(), min_size=95, max_size=205),
    st.sampled_from(["track", "identify", "EUR", "eur", "2026-08-22T09:30:00.1239999999Z", "2026-08-22", NOW]),
    st.dictionaries(
        st.sampled_from(["revenue", "currency", "a", "\ud800"]), st.one_of(st.floats(), st.text(max_size=3))
    ),
    st.lists(st.text(max_size=3)),
)


@given(st.dictionaries(st.sampled_from([*(field.name for field in FIELDS), "sent_on", "v", "other", "\ud800"]), ODD))
@settings(max_examples=500, deadline=None)
def test_the_look_at_all_types_at_once_takes_nothing_that_the_rules_refuse_or_change(fields: dict[str, Any]) -> None:
    def outcome() -> Any:
        try:
            return encode_event(build(**fields))
        except InvalidEventError:
            return InvalidEventError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_codec, "convert", Mock(side_effect=msgspec.ValidationError))
        by_the_rules = outcome()
    assert outcome() == by_the_rules


def test_names_that_the_contract_lacks_go_to_context() -> None:
    event = build(v=1, plan="pro", ip=None, context={"app": "x", "plan": "kept"})
    assert event.context == {"plan": "kept", "app": "x"}


@pytest.mark.parametrize(
    ("top", "properties", "revenue", "currency"),
    [
        ({}, {"revenue": 5, "currency": "usd"}, 5.0, "USD"),
        ({"revenue": 1}, {"revenue": 5, "currency": "usd"}, 1.0, "USD"),
        ({}, {"revenue": "5", "currency": "dollars"}, None, None),
        ({}, {"revenue": None}, None, None),
        ({"revenue": 0}, {"revenue": 5}, 0.0, None),
    ],
)
def test_revenue_comes_from_properties_too(
    top: dict[str, Any], properties: dict[str, Any], revenue: float | None, currency: str | None
) -> None:
    event = build(**top, properties=properties)
    assert (event.revenue, event.currency, event.properties) == (revenue, currency, properties)


@pytest.mark.parametrize(
    ("created", "sent", "expected"),
    [
        # The client's clock is an hour behind.
        ("2026-08-22T08:29:50Z", "2026-08-22T08:30:00Z", "2026-08-22T09:29:50Z"),
        # Stored offline for days: kept apart as far as the client says.
        ("2026-08-19T09:30:00Z", "2026-08-22T09:30:00Z", "2026-08-19T09:30:00Z"),
        # Out of range after the correction: as the client said.
        ("1970-01-02T00:00:00Z", "2099-01-01T00:00:00Z", "1970-01-02T00:00:00Z"),
    ],
)
def test_skew_is_corrected_and_the_original_kept(created: str, sent: str, expected: str) -> None:
    event = build(created_on=created, sent_on=sent)
    assert event.created_on == datetime.fromisoformat(expected)
    assert event.original_created_on == datetime.fromisoformat(created)


def test_a_time_that_the_server_made_up_has_no_skew() -> None:
    event = build(sent_on="2026-08-22T08:30:00Z")
    assert event.created_on == event.original_created_on == NOW


def test_the_original_time_alone_is_the_clients_time() -> None:
    event = build(original_created_on="2026-08-22T08:00:00Z", sent_on="2026-08-22T08:30:00Z")
    assert event.created_on == NOW - timedelta(minutes=30)
    assert event.original_created_on == NOW - timedelta(minutes=90)


def test_reading_a_record_again_gives_the_same_event() -> None:
    value = b'{"event_type":"A","user_id":5,"sent_on":"2026-08-22T08:30:00Z","created_on":"2026-08-22T08:30:00Z"}'
    first = decode_event(value, event_id="e", received_on=NOW)
    assert first == decode_event(value, event_id="e", received_on=NOW)
    assert msgspec.json.decode(encode_event(first))["v"] == EVENT_VERSION


_text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=100)
# Hypothesis takes limits without a timezone.
_moments = st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)
_values: dict[str, st.SearchStrategy[Any]] = {
    "id": _text | st.integers(0, 2**63),
    "text": _text,
    "time": _moments.map(datetime.isoformat),
    "kind": st.sampled_from(KINDS),
    "currency": st.text("abcXYZ", min_size=3, max_size=3),
    "number": st.floats(-MAX_REVENUE, MAX_REVENUE),
    "object": st.dictionaries(_text, _json, max_size=4),
}
_optional = {field.name: _values[field.type] for field in FIELDS if field.name not in GOOD}


@settings(deadline=None)
@given(
    fields=st.fixed_dictionaries(dict.fromkeys(GOOD, _text), optional=_optional),
    received_on=_moments,
)
def test_what_is_encoded_is_decoded_as_it_was(fields: dict[str, Any], received_on: datetime) -> None:
    event = build_event(fields, event_id="made", received_on=received_on)
    value = encode_event(event)
    assert decode_event(value, event_id="other", received_on=NOW) == event
    assert event.received_on == cut_to_milliseconds(event.received_on)
