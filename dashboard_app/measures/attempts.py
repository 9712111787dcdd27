"""How far each person comes through the steps of a funnel, as one query; docs/metrics.md says which attempt counts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from dashboard_app.conditions import column_sql
from dashboard_app.filters import Filters, naive
from dashboard_app.steps import Step

_STARTS: Final = """
reached_1 AS (
    SELECT person, created_on, _partition, _offset, created_on AS at_1, {value} AS value FROM events
    WHERE created_on >= $start AND created_on < $end AND {where}
)"""
# The attempts that have reached the step before, and the rows that match this step, in order: an attempt goes on with a
# row that follows it directly. An earlier attempt that the row could serve began earlier, and so would get no further;
# a later row would be no better. A row that is both comes first as itself: no event serves two steps.
# What is sorted has as few columns as can be: that is most of the time.
_REACHED: Final = """
together_{step} AS (
    SELECT {columns}, TRUE AS reached FROM reached_{before}
    UNION ALL
    SELECT {nulls}, FALSE FROM events
    WHERE created_on >= $start AND created_on < $horizon AND {where} {came_so_far}
), reached_{step} AS MATERIALIZED (
    SELECT *, created_on AS at_{step} FROM (
        SELECT person, created_on, _partition, _offset, reached, lag(reached) OVER in_order AS follows, {lags}
        FROM together_{step}
        WINDOW in_order AS (PARTITION BY person ORDER BY created_on, _partition, _offset, reached)
    ) WHERE NOT reached AND follows AND created_on <= at_1 + $window
)"""
# Nearly everyone has started, so that for the second step it would cost more than it saves.
_CAME_SO_FAR: Final = "AND person IN (SELECT person FROM reached_{before})"
# Who came no further than the first step; without a breakdown it is enough to know when.
_STARTED: Final = """
SELECT person, 1 AS level, min(at_1) AS at_1, {nulls}
FROM reached_1 ANTI JOIN reached_2 USING (person) GROUP BY person"""
# Of the attempts that came as far as the person's furthest, the one that was there first.
_FIRST: Final = """
SELECT person, {step} AS level, first.* FROM (
    SELECT person, arg_min({{{fields}}}, (created_on, _partition, _offset)) AS first FROM reached_{step} {rest}
    GROUP BY person
)"""
_PLACE: Final = ("person", "created_on", "_partition", "_offset")


def attempts_sql(
    filters: Filters, steps: Sequence[Step], window: timedelta, breakdown: str
) -> tuple[str, dict[str, Any]]:
    """The query and its parameters. `breakdown` is a column or property, "" for none.

    It gives a row for each person who starts: `person`, `level` (the steps reached), `at_1`, `at_2`, … (when; NULL for
    steps not reached) and, with a breakdown, `value`: that of the event of the first step.
    """
    wheres = [filters.matching & step.where(f"step{number}") for number, step in enumerate(steps, 1)]
    parameters: dict[str, Any] = {"window": window, "horizon": naive(filters.range.end + window)}
    for where in (filters.where, *wheres):
        parameters |= where.parameters
    value = f"{column_sql(breakdown)}::VARCHAR" if breakdown else "NULL"
    carried = ["value"] if breakdown else []
    parts = [_STARTS.format(value=value, where=wheres[0].sql)]
    parts += [_reached(step, where.sql, carried) for step, where in enumerate(wheres[1:], 2)]
    last = len(steps)
    started = _first(1, last, carried) if breakdown else _started(last)
    firsts = [started, *(_first(step, last, carried) for step in range(2, last + 1))]
    return f"WITH {', '.join(parts)} {' UNION ALL '.join(firsts)}", parameters


def _reached(step: int, where: str, carried: Sequence[str]) -> str:
    # The time of the step before is the time of its row.
    columns = [*(f"at_{number}" for number in range(1, step - 1)), *carried]
    lags = [f"lag(created_on) OVER in_order AS at_{step - 1}"]
    return _REACHED.format(
        step=step,
        before=step - 1,
        where=where,
        came_so_far=_CAME_SO_FAR.format(before=step - 1) if step > 2 else "",
        columns=", ".join([*_PLACE, *columns]),
        nulls=", ".join([*_PLACE, *("NULL" for _ in columns)]),
        lags=", ".join(lags + [f"lag({name}) OVER in_order AS {name}" for name in columns]),
    )


def _started(last: int) -> str:
    return _STARTED.format(nulls=", ".join(f"NULL::TIMESTAMP AS at_{step}" for step in range(2, last + 1)))


def _first(step: int, last: int, carried: Sequence[str]) -> str:
    times = [f"at_{number}" if number <= step else "NULL::TIMESTAMP" for number in range(1, last + 1)]
    fields = [f"at_{number}: {time}" for number, time in enumerate(times, 1)] + [f"{name}: {name}" for name in carried]
    rest = f"ANTI JOIN reached_{step + 1} USING (person)" if step < last else ""
    return _FIRST.format(step=step, fields=", ".join(fields), rest=rest)
