"""The numbers of a funnel; docs/metrics.md says in prose which attempt of a person counts.

`attempt` gets one row for each person who starts: how far the person came, and when each step was reached.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb

from dashboard_app.measures.attempts import load_attempts
from dashboard_app.measures.identities import Identity, identities
from dashboard_app.question.filters import Filters
from dashboard_app.question.steps import Step
from dashboard_app.reading.rows import Rows

TOP_VALUES: Final = 10
PEOPLE_PER_PAGE: Final = 50


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


def measure_funnel(rows: Rows, filters: Filters, options: FunnelOptions) -> Funnel:
    """Leaves the temporary table `attempt`. Raises duckdb.Error and OSError."""
    connection = rows.connection
    load_attempts(rows, filters, options.steps, options.window, options.breakdown)
    steps = len(options.steps)
    total = _conversion(connection.execute(f"SELECT FALSE, NULL, {_counts(steps)} FROM attempt").fetchall()[0])  # noqa: S608
    people, has_more = _people(connection, options)
    return Funnel(total, _breakdown(connection, steps) if options.breakdown else [], people, has_more)


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
