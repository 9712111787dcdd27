"""What the sequences of an index have to say, from its rows in plain Python."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from brokerlytics.index_files import index_dir, read_manifest
from dashboard_app.index.base import parquet
from dashboard_app.question.conditions import column_sql
from dashboard_app.rollup.tables import NUMBERED
from dashboard_app.sequence.layout import DEVICE, KIND_PLACE, TIME, VALUE_COLUMNS, WHO, SequenceFile
from tests.dashboard.store_builder import TOPIC

COLUMNS = ("event_type", "source", *VALUE_COLUMNS)
ROWS = f"""
SELECT created_on, _partition, _offset, user_id, device_id, {", ".join(map(column_sql, COLUMNS))} FROM {{}}"""
EPOCH = "SELECT TIMESTAMP '1970-01-01'"


def check_sequences(store: Path) -> None:
    """Every day's sequence has its rows in order, each with its user or device, its device, and its values."""
    directory = index_dir(store, TOPIC)
    manifest = read_manifest(directory)
    if not manifest.days:
        return
    assert manifest.names
    assert manifest.values
    with duckdb.connect() as connection:

        def found(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        names: dict[int, tuple[bool, str | None]] = {0: (False, None)}
        names |= {
            who: (is_user, id_) for who, is_user, id_ in found(f"FROM {parquet([directory / manifest.names.name])}")
        }
        values = found(f"SELECT place, number, value FROM {parquet([directory / manifest.values.name])}")
        texts = {(NUMBERED[place], number): value for place, number, value in values}
        (zero,) = found(EPOCH)[0]
        for day in manifest.days:
            expected = [
                (created_on, (True, user) if user else (False, device), (False, device), *values)
                for created_on, _, _, user, device, *values in sorted(
                    found(ROWS.format(parquet([directory / day.file.name]))), key=lambda row: row[:3]
                )
            ]
            assert [
                (
                    zero + at,
                    names[who],
                    names[device],
                    *(texts.get(place) for place in zip(COLUMNS, numbers, strict=True)),
                )
                for at, who, device, *numbers in rows_of(SequenceFile(directory / day.sequence.name))
            ] == expected


def rows_of(sequence: SequenceFile) -> list[tuple[Any, ...]]:
    """The time since 1970 of each row, its who, its device, and its values by number in the order of COLUMNS."""
    rows = []
    values = [sequence.values(name) for name in VALUE_COLUMNS]
    for hour, first, end in zip(sequence.hours, sequence.begins, sequence.begins[1:], strict=False):
        columns = sequence.read((TIME, WHO, DEVICE, KIND_PLACE, *VALUE_COLUMNS), first, end)
        for microseconds, who, device, kind, *places in zip(*(column.tolist() for column in columns), strict=True):
            at = timedelta(hours=int(hour), microseconds=microseconds)
            numbers = [int(some[place]) for some, place in zip(values, places, strict=True)]
            rows.append((at, who, device, *sequence.kinds[kind].tolist(), *numbers))
    assert len(rows) == sequence.rows
    return rows
