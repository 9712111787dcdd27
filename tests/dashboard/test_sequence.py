"""The file of a day's rows in the order of time; test_index.py holds those of an index against its rows."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.sequence.layout import HOUR_US, KIND, SequenceFile, write_sequence_file
from tests.dashboard.plain_sequences import rows_of

MOMENTS = st.one_of(st.integers(0, 9 * HOUR_US), st.integers(-3, 3).map(lambda hours: hours * HOUR_US))
ROWS = st.lists(st.tuples(MOMENTS, st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2)))


def write(path: Path, rows: list[tuple[int, int, int, int]]) -> SequenceFile:
    moments, whos, types, sources = np.array(rows, np.int64).reshape(-1, 4).T
    kinds = np.empty(len(rows), KIND)
    kinds["event_type"], kinds["source"] = types, sources
    write_sequence_file(path, moments, whos.astype(np.int32), kinds)
    return SequenceFile(path)


@settings(max_examples=50)
@given(ROWS)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int, int]]
) -> None:
    rows.sort()
    found = write(tmp_path_factory.getbasetemp() / "sequence.bin", rows)
    assert rows_of(found) == [(timedelta(microseconds=row[0]), *row[1:]) for row in rows]


@pytest.mark.parametrize(("kinds", "bytes_of_one"), [(1, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)])
def test_kinds_take_as_few_bytes_as_go(tmp_path: Path, kinds: int, bytes_of_one: int) -> None:
    rows = [(number, 1, number % kinds, 3) for number in range(kinds + 5)]
    sequence = write(tmp_path / "sequence.bin", rows)
    times, whos, places = sequence.read(2, kinds + 5)
    assert (times.itemsize, whos.itemsize, places.itemsize) == (4, 4, bytes_of_one)
    assert sequence.kinds["event_type"][places].tolist() == [number % kinds for number in range(2, kinds + 5)]
