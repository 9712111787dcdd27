"""Rows as arrays: all of them, and what goes wrong on the way."""

from threading import Timer

import duckdb
import numpy as np
import pytest

from dashboard_app.measures.arrow_batches import arrow_batches


def test_every_row_comes_once_with_its_values() -> None:
    with duckdb.connect() as connection:
        sql = "SELECT range::INTEGER, TIMESTAMP '1970-01-01' + to_microseconds(range * 5) FROM range($rows)"
        batches = arrow_batches(connection, sql, {"rows": 300_000}, (np.int32, np.int64))
        # They outlive the next query.
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    numbers = np.concatenate([number for number, _ in batches])
    assert np.array_equal(np.sort(numbers), np.arange(300_000))
    assert all(np.array_equal(time, number.astype(np.int64) * 5) for number, time in batches)


def test_without_rows_there_is_none() -> None:
    with duckdb.connect() as connection:
        assert arrow_batches(connection, "SELECT 1 WHERE $never", {"never": False}, (np.int32,)) == []


def test_a_row_without_a_value_is_refused() -> None:
    with duckdb.connect() as connection, pytest.raises(ValueError, match="no value"):
        arrow_batches(connection, "SELECT nullif(range, $one) FROM range(3)", {"one": 1}, (np.int64,))


def test_errors_are_those_of_duckdb() -> None:
    with duckdb.connect() as connection:
        timer = Timer(0.2, connection.interrupt)
        timer.start()
        with pytest.raises(duckdb.InterruptException):
            arrow_batches(connection, "SELECT a.range FROM range($n) AS a, range(10_000_000) AS b", {"n": 100}, (int,))
        timer.join()
        with pytest.raises(duckdb.Error, match="enough"):
            arrow_batches(
                connection, "SELECT CASE WHEN range > $n THEN error('enough') END FROM range(500_000)", {"n": 9}, (int,)
            )
