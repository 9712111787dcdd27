"""Columns to fields, values of other tools, and ids for rows that have none."""

import random
from typing import Any

import pytest

from analytics_app.importing.errors import ImportFileError
from analytics_app.importing.ids import DerivedIds, Occurrences
from analytics_app.importing.mapping import RowMapping, parse_map
from analytics_app.importing.values import time_value
from brokerlytics.event import InvalidEventError

ROW = {"event_type": "A", "device_id": "d", "created_on": "2025-01-01"}


def fields(row: dict[str, Any], *maps: str, text: bool = True) -> dict[str, Any]:
    """What becomes of a row beside ROW."""
    found = RowMapping(parse_map(maps), source="web", text=text).fields(ROW | row)
    assert found.pop("source") == "web"
    return {name: value for name, value in found.items() if name not in ROW or value != ROW[name]}


def test_a_map_of_several_options() -> None:
    expected = {"created_on": "time=stamp", "device_id": "did", "properties.plan": "The Plan", "context.a.b": "x"}
    assert parse_map(["created_on=time=stamp, device_id = did", "properties.plan=The Plan,context.a.b=x"]) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp=created_on", "no such field. There are event_id, kind"),
        ("source=site", "no such field"),
        ("properties.=x", "no such field"),
        ("device_id.a=x", "no such field"),
        ("created_on", "no pair"),
        ("created_on=", "no pair"),
        ("", "no pair"),
        ("user_id=a,user_id=b", "user_id is given twice"),
    ],
)
def test_a_map_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        parse_map([text])


@pytest.mark.parametrize(
    ("row", "maps", "expected"),
    [
        ({"platform": "web", "plan": "pro"}, [], {"platform": "web", "properties": {"plan": "pro"}}),
        ({"did": "x"}, ["device_id=did"], {"device_id": "x", "properties": {"device_id": "d"}}),
        (
            {"who": "x"},
            ["device_id=who,user_id=who"],
            {"device_id": "x", "user_id": "x", "properties": {"device_id": "d"}},
        ),
        (
            {"p": "pro"},
            ["properties.plan=p,context.plan=p"],
            {"properties": {"plan": "pro"}, "context": {"plan": "pro"}},
        ),
        ({"revenue": "19.90", "n": "7"}, [], {"revenue": 19.9, "properties": {"n": "7"}}),
        ({"properties": '{"a": 1, "b": 2}', "b": "3"}, [], {"properties": {"a": 1, "b": "3"}}),
        ({"context": '{"a": 1}', "source": "app"}, [], {"context": {"a": 1, "source": "app"}}),
        ({"source": "web", "_partition": "1", "_offset": "2"}, [], {}),
        ({"ip": "192.0.2.1"}, [], {"context": {"ip": "192.0.2.1"}}),
    ],
)
def test_where_csv_columns_go(row: dict[str, Any], maps: list[str], expected: dict[str, Any]) -> None:
    assert fields(row, *maps) == expected


@pytest.mark.parametrize(
    ("row", "maps", "expected"),
    [
        ({"user": {"id": 7}}, ["user_id=user.id"], {"user_id": 7, "properties": {"user": {"id": 7}}}),
        ({"user.id": "x", "user": 1}, ["user_id=user.id"], {"user_id": "x", "properties": {"user": 1}}),
        ({"user": "x"}, ["user_id=user.id"], {"properties": {"user": "x"}}),
        ({"revenue": 1, "n": None}, [], {"revenue": 1, "properties": {"n": None}}),
        ({"properties": {"a": 1}, "v": 1}, [], {"properties": {"a": 1}}),
        ({"v": "1.2", "sent_on": "2025-01-01"}, [], {"properties": {"v": "1.2", "sent_on": "2025-01-01"}}),
        ({"properties": [1], "b": 2}, [], {"properties": [1]}),  # the contract refuses it
    ],
)
def test_where_json_members_go(row: dict[str, Any], maps: list[str], expected: dict[str, Any]) -> None:
    assert fields(row, *maps, text=False) == expected


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"revenue": "1,5"}, "revenue"),
        ({"revenue": "1_000"}, "revenue"),
        ({"properties": "{a}"}, "properties"),
        ({"created_on": ""}, "created_on"),
    ],
)
def test_cells_that_cannot_be(row: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        fields(row)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1714557602, "2024-05-01T10:00:02+00:00"),
        ("1714557602.25", "2024-05-01T10:00:02.250000+00:00"),
        (1714557602123, "2024-05-01T10:00:02.123000+00:00"),
        ("2024-05-01 10:00:02 UTC", "2024-05-01 10:00:02"),
        ("2024-05-01T10:00:02Z", "2024-05-01T10:00:02Z"),
        ("20240501", "20240501"),
        ("9" * 400, "9" * 400),
        (1e300, 1e300),
        (12, 12),
        (True, True),
        (None, None),
        ({}, {}),
    ],
)
def test_times_of_other_tools(value: Any, expected: Any) -> None:
    assert time_value(value) == expected


def test_the_header_has_to_give_what_is_required() -> None:
    header = ["event_type", "did", "created_on"]
    RowMapping({"device_id": "did"}, source="web", text=True).check_header(header)
    for columns, message in [
        ({"device_id": "uid"}, "no column uid. The file's columns are event_type, did, created_on"),
        ({}, "gives device_id or user_id. Say which: --map device_id=COLUMN"),
        ({"device_id": "did", "event_type": "did", "user_id": "event_type"}, None),
    ]:
        mapping = RowMapping(columns, source="web", text=True)
        if message:
            with pytest.raises(ImportFileError, match=message):
                mapping.check_header(header)
        else:
            mapping.check_header(header)


def test_mapped_columns_that_no_row_has_are_known() -> None:
    mapping = RowMapping({"user_id": "user.id", "os": "system", "country": "land"}, source="web", text=False)
    mapping.fields(ROW | {"user": {"id": "u"}, "land": "de"})
    assert mapping.missing == {"system"}


def ids(source: str, rows: list[dict[str, Any]]) -> list[str]:
    derived = DerivedIds(source)
    return [derived.of(row) for row in rows]


def test_the_same_rows_get_the_same_ids() -> None:
    rows: list[dict[str, Any]] = [
        {"a": "1", "b": {"x": 1, "y": 2}},
        {"a": "2"},
        {"a": "1", "b": {"x": 1, "y": 2}},
        {"a": "2"},
        {"a": "2"},
    ]
    found = ids("web", rows)
    assert len(set(found)) == len(rows)
    assert ids("web", [dict(reversed(row.items())) for row in rows]) == found
    assert not set(ids("app", rows)) & set(found)
    # What follows does not change the ids of what stood before.
    assert ids("web", [*rows, {"a": "3"}])[:5] == found
    assert sorted(ids("web", [rows[1], rows[0]])) == sorted(found[:2])


def test_ids_are_pinned_for_the_second_import_of_years_later() -> None:
    assert ids("web", [{"a": "1"}, {"a": "1"}]) == [
        "035ab9e6-d549-86c7-a062-91b7e2fb69d8",
        "d8a469ac-711b-8ba7-af78-b5ecdf03055e",
    ]


def test_equal_rows_are_counted_upwards_even_when_there_is_no_room() -> None:
    """Two filters of almost no bits, so that everything collides."""
    choices = random.Random(3)
    occurrences = Occurrences(seen_bits=64, counters=8)
    last: dict[bytes, int] = {}
    for _ in range(2000):
        digest = choices.choice([bytes([n]) * 16 for n in range(50)])
        number = occurrences.before(digest)
        assert number > last.get(digest, -1)
        last[digest] = number


def test_few_rows_collide() -> None:
    derived = DerivedIds("web")
    for number in range(20_000):
        derived.of({"n": number})
    assert not sum(derived._occurrences._counts)
    assert derived.of({"n": 1}) != ids("web", [{"n": 1}])[0]
