"""The file of a day's rows in the order of time; test_index.py holds those of an index against its rows."""

from bisect import bisect_left
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.sequence.layout import (
    DEVICE,
    HOUR_US,
    KIND_PLACE,
    TIME,
    VALUE_COLUMNS,
    WHO,
    SequenceFile,
    write_sequence_file,
)
from tests.dashboard.plain_sequences import rows_of

Row = tuple[int, ...]
MOMENTS = st.one_of(st.integers(0, 9 * HOUR_US), st.integers(-3, 3).map(lambda hours: hours * HOUR_US))
VALUES = st.one_of(st.just(7), st.integers(0, 2), st.integers(0, 99_999))
# After the time: who, device, event type, source, and the values of the other columns.
ROWS = st.lists(
    st.tuples(
        *(MOMENTS, st.integers(1, 2**31 - 1), st.integers(0, 2**31 - 1), VALUES, st.integers(0, 2)),
        *(VALUES for _ in VALUE_COLUMNS),
    )
)


def write(path: Path, rows: list[Row]) -> SequenceFile:
    moments, whos, devices, types, sources, *values = np.array(rows, np.int64).reshape(-1, 5 + len(VALUE_COLUMNS)).T
    numbers = {WHO: whos.astype(np.int32), DEVICE: devices.astype(np.uint32)}
    numbers |= {"event_type": types.astype(np.uint32), "source": sources.astype(np.uint32)}
    write_sequence_file(path, moments, numbers, (column.astype(np.uint32) for column in values))
    return SequenceFile(path)


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_what_is_read_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    rows.sort()
    found = write(tmp_path_factory.getbasetemp() / "sequence.bin", rows)
    assert rows_of(found) == [(timedelta(microseconds=row[0]), *row[1:]) for row in rows]


@pytest.mark.parametrize(("count", "bytes_of_one"), [(2, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)])
def test_places_take_as_few_bytes_as_go(tmp_path: Path, count: int, bytes_of_one: int) -> None:
    path, none = tmp_path / "sequence.bin", (0,) * (len(VALUE_COLUMNS) - 1)
    rows = [(number, 1, 1, number % count, 3, number % count, *none) for number in range(count + 5)]
    sequence = write(path, rows)
    columns = sequence.read((TIME, WHO, DEVICE, KIND_PLACE, *VALUE_COLUMNS[:2]), 2, count + 5)
    assert [column.itemsize for column in columns] == [4, 4, 4, bytes_of_one, bytes_of_one, 1]
    _, _, _, kinds, places, nothing = columns
    assert sequence.kinds["event_type"][kinds].tolist() == [number % count for number in range(2, count + 5)]
    assert sequence.values(VALUE_COLUMNS[0])[places].tolist() == [number % count for number in range(2, count + 5)]
    assert not nothing.any()


def test_what_all_rows_have_takes_no_room(tmp_path: Path) -> None:
    sizes = []
    for count in (10, 20):
        write(tmp_path / "sequence.bin", [(number, 1, 1, 5, 6, *(7 for _ in VALUE_COLUMNS)) for number in range(count)])
        sizes.append((tmp_path / "sequence.bin").stat().st_size)
    assert sizes[1] - sizes[0] == 10 * 12


@settings(max_examples=50, deadline=None)
@given(ROWS, st.lists(MOMENTS))
def test_the_place_of_a_moment_is_that_of_the_first_row_not_before_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], moments: list[int]
) -> None:
    rows.sort()
    moments += [row[0] + more for row in rows for more in (-1, 0, 1)]
    sequence = write(tmp_path_factory.getbasetemp() / "sequence.bin", rows)
    times = [row[0] for row in rows]
    expected = [bisect_left(times, moment) for moment in moments]
    assert sequence.places(np.array(moments, np.int64)).tolist() == expected
