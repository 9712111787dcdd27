"""What the sequences of an index have to say, from its rows in plain Python."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from brokerlytics.index_files import index_dir, read_manifest
from dashboard_app.index.base import parquet
from dashboard_app.rollup.tables import NUMBERED
from dashboard_app.sequence.layout import SequenceFile
from tests.dashboard.store_builder import TOPIC

ROWS = "SELECT created_on, _partition, _offset, user_id, device_id, event_type, source FROM {}"
EPOCH = "SELECT TIMESTAMP '1970-01-01'"


def check_sequences(store: Path) -> None:
    """Every day's sequence has its rows in order, each with its user or device, event type and source."""
    directory = index_dir(store, TOPIC)
    manifest = read_manifest(directory)
    if not manifest.days:
        return
    assert manifest.names
    assert manifest.values
    with duckdb.connect() as connection:

        def found(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        names = {
            who: (is_user, id_) for who, is_user, id_ in found(f"FROM {parquet([directory / manifest.names.name])}")
        }
        values = found(f"SELECT place, number, value FROM {parquet([directory / manifest.values.name])}")
        texts = {(NUMBERED[place], number): value for place, number, value in values}
        for day in manifest.days:
            rows = sorted(found(ROWS.format(parquet([directory / day.file.name]))))
            expected = [
                (created_on, (True, user) if user else (False, device), event_type, source)
                for created_on, _, _, user, device, event_type, source in rows
            ]
            (zero,) = found(EPOCH)[0]
            assert [
                (zero + at, names[who], texts["event_type", event_type], texts.get(("source", source)))
                for at, who, event_type, source in rows_of(SequenceFile(directory / day.sequence.name))
            ] == expected


def rows_of(sequence: SequenceFile) -> list[tuple[timedelta, int, int, int]]:
    """The time since 1970 of each row, its who, and its event type and source by number."""
    rows = []
    for hour, first, end in zip(sequence.hours, sequence.begins, sequence.begins[1:], strict=False):
        for microseconds, who, place in zip(*(column.tolist() for column in sequence.read(first, end)), strict=True):
            at = timedelta(hours=int(hour), microseconds=microseconds)
            rows.append((at, who, *sequence.kinds[place].tolist()))
    assert len(rows) == sequence.rows
    return rows
