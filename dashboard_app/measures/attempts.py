"""How far each person comes through the steps of a funnel; docs/metrics.md says which attempt counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

from brokerlytics.native.attempts import Counted, Rules
from brokerlytics.native.library import library
from dashboard_app.measures.following import EPOCH, MICROSECOND, Asked, Stretch, follow
from dashboard_app.measures.stored_rows import StoredRows, stored_rows
from dashboard_app.question.conditions import Where, column_sql, where_all
from dashboard_app.question.filters import Filters, naive
from dashboard_app.question.steps import Step
from dashboard_app.reading.rows import Rows

_HOUR: Final = timedelta(hours=1)
# Spans tell how many rows there are when, and whose.
_HOURS: Final = """
SELECT time_bucket(INTERVAL 1 HOUR, first_on) AS hour, sum(events)::BIGINT, max(person) FROM spans
WHERE last_on >= $start AND first_on < $horizon GROUP BY hour ORDER BY hour"""
_RECENT: Final = """
SELECT time_bucket(INTERVAL 1 HOUR, created_on) AS hour, count(*), max(person) FROM recent
WHERE created_on >= $start AND created_on < $horizon GROUP BY hour"""
# One CASE for all types is worked out in a third of the time that a condition for each takes.
_ROWS: Final = """
SELECT * FROM (
    SELECT created_on, person, (CASE event_type {cases} ELSE 0 END)::UTINYINT AS steps, _partition, _offset
    FROM {{relation}} WHERE created_on >= $since AND created_on < $until AND {matching}
) WHERE steps > 0"""
_ATTEMPTS: Final = """
CREATE OR REPLACE TEMP TABLE attempt AS SELECT person, level, {columns} FROM counted {join}"""
_VALUES: Final = """
JOIN (SELECT _partition, _offset, {value}::VARCHAR AS value FROM events WHERE {where}) USING (_partition, _offset)"""


def load_attempts(rows: Rows, filters: Filters, steps: Sequence[Step], window: timedelta, breakdown: str) -> None:
    """Fill the temporary table `attempt` with a row for each person who starts.

    It has `person`, `level` (the steps reached), `at_1`, `at_2`, … (when; NULL for steps not reached) and, with a
    `breakdown` (a column or property, "" for none), `value`: that of the event of the first step.
    Raises duckdb.Error and OSError.
    """
    connection, end = rows.connection, naive(filters.range.end)
    stretch = naive(filters.range.start), naive(filters.range.end + window)
    # Places are asked for by SQL.
    stored = stored_rows(rows.rolled, filters, steps) if rows.rolled and not breakdown and library() else None
    hours, people = _hours(connection, stretch, stored)
    cases, where = _cases(steps), filters.matching
    sql, parameters = _ROWS.format(cases=cases.sql, matching=where.sql), cases.parameters | where.parameters
    asked = Asked(sql, parameters, stretch, hours, people, stored)
    rules = Rules(len(steps), window // MICROSECOND, (end - EPOCH) // MICROSECOND, keeps_places=bool(breakdown))
    connection.register("counted", _columns(follow(connection, asked, rules)))
    columns, join, parameters = [f"at_{step}" for step in range(1, len(steps) + 1)], "", {}
    if breakdown:
        columns.append("value")
        join = _VALUES.format(value=column_sql(breakdown), where=filters.where.sql)
        parameters = filters.where.parameters
    connection.execute(_ATTEMPTS.format(columns=", ".join(columns), join=join), parameters)
    connection.unregister("counted")


def _hours(
    connection: duckdb.DuckDBPyConnection, stretch: Stretch, stored: StoredRows | None
) -> tuple[list[tuple[datetime, int]], int]:
    """How many rows there are about, by hour, and a number above those of their people."""
    times = {"start": stretch[0], "horizon": stretch[1]}
    if not stored:
        found = connection.execute(_HOURS, times).fetchall()
        return [(hour, rows) for hour, rows, _ in found], 1 + max((person for *_, person in found), default=0)
    counts = Counter(
        {
            EPOCH + hour * _HOUR: rows
            for hour, rows in stored.hours(*((t - EPOCH) // MICROSECOND for t in stretch)).items()
        }
    )
    found = connection.execute(_RECENT, times).fetchall()
    counts.update({hour: rows for hour, rows, _ in found})
    return sorted(counts.items()), 1 + max([int(stored.persons.max()), *(person for *_, person in found)])


def _cases(steps: Sequence[Step]) -> Where:
    """For each event type the steps that a row of it matches, the first in the lowest bit."""
    bits: dict[str, list[str]] = {}
    parameters: dict[str, Any] = {}
    for number, step in enumerate(steps):
        where = where_all(step.conditions, f"step{number}")
        bits.setdefault(step.event_type, []).append(f"CASE WHEN {where.sql} THEN {1 << number} ELSE 0 END")
        parameters |= where.parameters
    types = {f"type{number}": event_type for number, event_type in enumerate(bits)}
    cases = [f"WHEN ${name} THEN {' + '.join(bits[event_type])}" for name, event_type in types.items()]
    return Where(" ".join(cases), parameters | types)


def _columns(parts: Sequence[Counted]) -> Mapping[str, npt.NDArray[Any]]:
    """All attempts by the names of their columns."""
    at = np.concatenate([part.at for part in parts]).view("datetime64[us]")
    columns: dict[str, npt.NDArray[Any]] = {
        "person": np.concatenate([part.person for part in parts]).astype(np.int32),
        "level": np.concatenate([part.level for part in parts]),
    }
    columns |= {f"at_{step}": np.ascontiguousarray(times) for step, times in enumerate(at.T, 1)}
    places = [(part.partition, part.offset) for part in parts if part.offset is not None]
    if places:
        columns["_partition"], columns["_offset"] = (np.concatenate(some) for some in zip(*places, strict=True))
    return columns
