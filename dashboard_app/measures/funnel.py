"""The numbers of a funnel; docs/metrics.md says in prose which attempt of a person counts.

`attempt` gets one row for each person who starts: how far the person came, and when each step was reached.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb

from dashboard_app.conditions import column_sql
from dashboard_app.filters import Filters, naive
from dashboard_app.measures.identities import Identity, identities
from dashboard_app.steps import Step

TOP_VALUES: Final = 10
PEOPLE_PER_PAGE: Final = 50

_ORDER: Final = "created_on, _partition, _offset"
# The attempts that have reached the step before, and the rows that match this step, in order: an attempt goes on with a
# row that follows it directly. An earlier attempt that the row could serve began earlier, and so would get no further;
# a later row would be no better. A row that is both comes first as itself: no event serves two steps.
_REACHED: Final = """
together_{step} AS (
    SELECT person, created_on, _partition, _offset, TRUE AS reached, {times}, value FROM reached_{before}
    UNION ALL
    SELECT person, created_on, _partition, _offset, FALSE, {nulls}, NULL FROM events
    WHERE created_on >= $start AND created_on < $horizon AND {where} {came_so_far}
), reached_{step} AS MATERIALIZED (
    SELECT person, created_on, _partition, _offset, {before_times}, created_on AS at_{step}, before_value AS value
    FROM (
        SELECT *, lag(reached) OVER in_order AS follows, {lags}, lag(value) OVER in_order AS before_value
        FROM together_{step}
        WINDOW in_order AS (PARTITION BY person ORDER BY created_on, _partition, _offset, reached)
    ) WHERE NOT reached AND follows AND created_on <= before_1 + $window
)"""
_STARTS: Final = """
reached_1 AS (
    SELECT person, created_on, _partition, _offset, created_on AS at_1, {value} AS value FROM events
    WHERE {range} AND {where}
)"""
# Nearly everyone has started, so that for the second step it would cost more than it saves.
_CAME_SO_FAR: Final = "AND person IN (SELECT person FROM reached_{before})"
# Who came no further than the first step; without a breakdown it is enough to know when.
_STARTED: Final = """
SELECT person, 1 AS level, min(at_1) AS at_1, {nulls}, NULL::VARCHAR AS value
FROM reached_1 ANTI JOIN reached_2 USING (person) GROUP BY person"""
# Of the attempts that came as far as the person's furthest, the one that was there first.
_FIRST: Final = """
SELECT person, {step} AS level, first.* FROM (
    SELECT person, arg_min({{{fields}}}, (created_on, _partition, _offset)) AS first FROM reached_{step} {rest}
    GROUP BY person
)"""


@dataclass(frozen=True, slots=True)
class Listed:
    """Who is listed: those who came to `step` (from 1) and no further, or with `converted` all who came to it."""

    step: int
    converted: bool


@dataclass(frozen=True, slots=True)
class FunnelOptions:
    """What a funnel is of. `breakdown` is a column or property, "" for none; `page` counts from 1."""

    steps: tuple[Step, ...]
    window: timedelta
    breakdown: str = ""
    listed: Listed | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many persons reached a step, and the median time from the step before; None for the first, or of nobody."""

    people: int
    median_wait: timedelta | None


@dataclass(frozen=True, slots=True)
class Conversion:
    """The steps' numbers of all who start or of those with one value; `median_time` is from the first to the last.

    `value` is None where the start has none; `is_rest` marks the values that are no rows of their own.
    """

    steps: tuple[StepCount, ...]
    median_time: timedelta | None
    value: str | None = None
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One listed person: when the counted attempt began, and when it came to the step that is asked for."""

    identity: Identity
    started_on: datetime
    reached_on: datetime


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel's numbers; `people` is one page of those who are listed, `has_more` tells that another follows."""

    total: Conversion
    breakdown: list[Conversion]
    people: list[Attempt]
    has_more: bool


def measure_funnel(connection: duckdb.DuckDBPyConnection, filters: Filters, options: FunnelOptions) -> Funnel:
    """Count over the view `events`. Leaves the temporary table `attempt`. Raises duckdb.Error."""
    sql, parameters = _attempts(filters, options)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE attempt AS {sql}", parameters)
    steps = len(options.steps)
    total = _conversion(connection.execute(f"SELECT FALSE, NULL, {_counts(steps)} FROM attempt").fetchall()[0])  # noqa: S608
    people, has_more = _people(connection, options)
    return Funnel(total, _breakdown(connection, steps) if options.breakdown else [], people, has_more)


def _attempts(filters: Filters, options: FunnelOptions) -> tuple[str, dict[str, Any]]:
    wheres = [filters.matching & step.where(f"step{number}") for number, step in enumerate(options.steps, 1)]
    parameters: dict[str, Any] = {"window": options.window, "horizon": naive(filters.range.end + options.window)}
    parameters |= filters.where.parameters
    for where in wheres:
        parameters |= where.parameters
    value = f"{column_sql(options.breakdown)}::VARCHAR" if options.breakdown else "NULL::VARCHAR"
    parts = [_STARTS.format(value=value, range="created_on >= $start AND created_on < $end", where=wheres[0].sql)]
    parts += [_reached(step, where.sql) for step, where in enumerate(wheres[1:], 2)]
    last = len(wheres)
    firsts = " UNION ALL ".join([_started(last, options), *(_first(step, last) for step in range(2, last + 1))])
    return f"WITH {', '.join(parts)} {firsts}", parameters


def _reached(step: int, where: str) -> str:
    earlier = range(1, step)
    return _REACHED.format(
        step=step,
        before=step - 1,
        where=where,
        came_so_far=_CAME_SO_FAR.format(before=step - 1) if step > 2 else "",
        times=", ".join(f"at_{number}" for number in earlier),
        nulls=", ".join("NULL" for _ in earlier),
        lags=", ".join(f"lag(at_{number}) OVER in_order AS before_{number}" for number in earlier),
        before_times=", ".join(f"before_{number} AS at_{number}" for number in earlier),
    )


def _started(last: int, options: FunnelOptions) -> str:
    if options.breakdown:
        return _first(1, last)
    return _STARTED.format(nulls=", ".join(f"NULL::TIMESTAMP AS at_{step}" for step in range(2, last + 1)))


def _first(step: int, last: int) -> str:
    times = [f"at_{number}" if number <= step else "NULL::TIMESTAMP" for number in range(1, last + 1)]
    fields = ", ".join([*(f"at_{number}: {time}" for number, time in enumerate(times, 1)), "value: value"])
    rest = f"ANTI JOIN reached_{step + 1} USING (person)" if step < last else ""
    return _FIRST.format(step=step, fields=fields, rest=rest)


def _counts(steps: int) -> str:
    counted = [f"count(*) FILTER (level >= {step})" for step in range(1, steps + 1)]
    waits = [f"median(epoch_ms(at_{step}) - epoch_ms(at_{step - 1}))" for step in range(2, steps + 1)]
    return ", ".join([*counted, *waits, f"median(epoch_ms(at_{steps}) - epoch_ms(at_1))"])


def _conversion(row: Sequence[Any]) -> Conversion:
    is_rest, value, *numbers = row
    steps = len(numbers) // 2
    waits = [None, *numbers[steps:-1]]
    counts = tuple(StepCount(people, _span(wait)) for people, wait in zip(numbers[:steps], waits, strict=True))
    return Conversion(counts, _span(numbers[-1]), value, is_rest)


def _span(milliseconds: float | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)


def _breakdown(connection: duckdb.DuckDBPyConnection, steps: int) -> list[Conversion]:
    sql = f"""
    WITH top AS (SELECT value, TRUE AS found FROM attempt GROUP BY value
                 ORDER BY count(*) DESC, value NULLS LAST LIMIT {TOP_VALUES}),
    placed AS (SELECT attempt.*, found IS NULL AS is_rest
               FROM attempt LEFT JOIN top ON attempt.value IS NOT DISTINCT FROM top.value)
    SELECT is_rest, CASE WHEN NOT is_rest THEN value END AS shown, {_counts(steps)} FROM placed
    GROUP BY is_rest, shown ORDER BY is_rest, count(*) DESC, shown NULLS LAST"""  # noqa: S608
    return [_conversion(row) for row in connection.execute(sql).fetchall()]


def _people(connection: duckdb.DuckDBPyConnection, options: FunnelOptions) -> tuple[list[Attempt], bool]:
    if not options.listed:
        return [], False
    step, sign = options.listed.step, ">=" if options.listed.converted else "="
    sql = f"""
    SELECT person, at_1, at_{step} FROM attempt WHERE level {sign} {step}
    ORDER BY at_1 DESC, person LIMIT {PEOPLE_PER_PAGE + 1} OFFSET {PEOPLE_PER_PAGE * (options.page - 1)}"""  # noqa: S608
    rows = connection.execute(sql).fetchall()
    shown = rows[:PEOPLE_PER_PAGE]
    ids = identities(connection, [person for person, *_ in shown])
    people = [Attempt(ids[person], start.replace(tzinfo=UTC), at.replace(tzinfo=UTC)) for person, start, at in shown]
    return people, len(rows) > PEOPLE_PER_PAGE
