"""The documents of the contracts say what the code does. Each test fails when one of the two moves alone."""

import re
from typing import Any, get_args

import msgspec
import pytest
from django.conf import settings

from brokerlytics import checkpoint
from brokerlytics.csv_format import COLUMNS, CSV_VERSION, HEADER
from brokerlytics.event import EVENT_VERSION, FIELDS, KINDS, MAX_EVENT_BYTES, FieldType, Reason
from dashboard_app import metrics
from dashboard_app.measures import breakdowns, overview
from dashboard_app.reading.csv_relation import RELATION


def document(name: str) -> str:
    return (settings.BASE_DIR / "docs" / name).read_text()


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table under `heading`, each a list of its cells without back quotes."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_every_field_of_the_event_is_described() -> None:
    rows = table(document("event.md"), "Fields")
    expected = [[field.name, field.type, str(field.max_length or "")] for field in FIELDS]
    assert [row[:3] for row in rows] == expected
    assert all(row[3].endswith(".") for row in rows)


def test_every_type_of_a_field_is_described() -> None:
    rows = table(document("event.md"), "Types")
    assert {row[0] for row in rows} == set(get_args(FieldType))
    assert ", ".join(KINDS) in next(row[1] for row in rows if row[0] == "kind")


def test_every_reason_is_described() -> None:
    rows = table(document("event.md"), "Why an event is refused")
    assert [row[0] for row in rows] == list(Reason)
    assert all(row[1] for row in rows)


def test_the_sizes_and_versions_are_described() -> None:
    event = document("event.md")
    assert event.count(f"{MAX_EVENT_BYTES:,} bytes") == 2
    assert f"version of this contract ({EVENT_VERSION})" in event
    assert f"Its version is {CSV_VERSION}." in document("csv.md")
    assert f"two slots of {checkpoint.SLOT_BYTES} bytes" in document("csv.md")
    assert f"the newest {checkpoint.MAX_GAPS} gaps" in document("csv.md")


def test_every_column_is_described_in_order() -> None:
    rows = table(document("csv.md"), "Columns")
    assert [(row[0], row[1]) for row in rows] == [(str(number), name) for number, name in enumerate(COLUMNS, 1)]


def test_the_types_are_those_that_the_dashboard_reads() -> None:
    read = dict(re.findall(r"'(\w+)': '([\w(),]+)'", RELATION))
    for _, name, type_ in table(document("csv.md"), "Columns"):
        # JSON and unused times are read as the text that they are.
        assert read[name] in (type_, "VARCHAR")


def test_the_header_is_described_byte_for_byte() -> None:
    assert f"\n```\n{HEADER.decode().removesuffix(chr(13) + chr(10))}\n```\n" in document("csv.md")


def checkpoint_fields(struct: Any, prefix: str = "") -> list[str]:
    """The names in the checkpoint's JSON, those of structs inside it with a dot."""
    nested = {
        "active": checkpoint.ActiveSegment,
        "gaps": checkpoint.Gap,
        "poison": checkpoint.PoisonCount,
    }
    names = []
    for field in msgspec.structs.fields(struct):
        names.append(prefix + field.encode_name)
        if inner := nested.get(field.encode_name):
            names += checkpoint_fields(inner, f"{field.encode_name}.")
    return names


def test_every_field_of_the_checkpoint_is_described() -> None:
    rows = table(document("csv.md"), "The checkpoint")
    assert [row[0] for row in rows] == checkpoint_fields(checkpoint.Checkpoint)


@pytest.mark.parametrize("name", [name for name in dir(metrics) if name.isupper()])
def test_every_metric_is_described_once(name: str) -> None:
    assert document("metrics.md").count(f"(`{name}`)") == 1


def test_the_lengths_of_the_dashboards_tables_are_described() -> None:
    text = document("metrics.md")
    assert f"the {overview.DRAWN_TYPES} commonest types" in text
    assert f"the {breakdowns.TOP_VALUES} commonest" in text
    assert f"the {overview.NEWEST} latest" in text
