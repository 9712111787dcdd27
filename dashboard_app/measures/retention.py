"""The numbers of retention; docs/metrics.md says the same in prose.

`returner` gets one row for each person of a cohort, with a bit for each period in which the person came back.
"""

from dataclasses import dataclass
from typing import Any, Final

import duckdb

from dashboard_app.bucketing import bucket_sql
from dashboard_app.buckets import Bucket, Interval
from dashboard_app.conditions import Where
from dashboard_app.filters import Filters, naive
from dashboard_app.steps import Step

_WORD_BITS: Final = 64
_RETURNERS: Final = """
CREATE OR REPLACE TEMP TABLE returner AS
SELECT {bucket_of_first} AS cohort, {words} FROM (
    SELECT person, min(created_on) FILTER (starts) AS first_on, {bits}
    FROM (
        SELECT person, created_on, {start} AS starts, {returning} AS returns,
               CASE WHEN created_on >= $since THEN {bucket} END AS bucket
        FROM events WHERE created_on < $until AND {matching} AND ({start} OR {returning})
    ) GROUP BY person
) WHERE first_on >= $since AND first_on < $cohorts_end"""
_BITS: Final = """
bit_or(1::UBIGINT << (bucket % {width})::UBIGINT) FILTER (returns AND bucket // {width} = {word}) AS word_{word}"""
_ANY: Final = Where("TRUE", {})


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    """Who is followed, and what counts as coming back; None is any event.

    `buckets` are the periods, days, weeks or months, from the first cohort's on; each of the first `cohorts` has one.
    `columns` is how many of the periods after its own are looked at for each cohort; `choice` is the period as chosen.
    """

    start: Step | None
    returning: Step | None
    choice: str
    period: Interval
    buckets: tuple[Bucket, ...]
    cohorts: int
    columns: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those whose first event lies in `bucket`. `returned` counts who of them came back in each period after it."""

    bucket: Bucket
    size: int
    returned: tuple[int, ...]


def measure_retention(
    connection: duckdb.DuckDBPyConnection, filters: Filters, options: RetentionOptions
) -> list[Cohort]:
    """Count over the view `events`. Leaves the temporary table `returner`. Raises duckdb.Error."""
    if not options.cohorts:
        return []
    _follow(connection, filters, options)
    counts = ", ".join(
        f"count(*) FILTER (word_{number // _WORD_BITS} >> {number % _WORD_BITS} & 1 = 1)"
        for number in range(len(options.buckets))
    )
    rows = connection.execute(f"SELECT cohort, count(*), {counts} FROM returner GROUP BY cohort").fetchall()  # noqa: S608
    found = {cohort: numbers for cohort, *numbers in rows}
    nobody = [0] * (len(options.buckets) + 1)
    return [_cohort(number, found.get(number, nobody), options) for number in range(options.cohorts)]


def _cohort(number: int, numbers: list[int], options: RetentionOptions) -> Cohort:
    size, *by_bucket = numbers
    return Cohort(options.buckets[number], size, tuple(by_bucket[number + 1 : number + 1 + options.columns]))


def _follow(connection: duckdb.DuckDBPyConnection, filters: Filters, options: RetentionOptions) -> None:
    buckets = options.buckets
    start = options.start.where("start") if options.start else _ANY
    returning = options.returning.where("returning") if options.returning else _ANY
    words = range((len(buckets) - 1) // _WORD_BITS + 1)
    bits = [_BITS.format(width=_WORD_BITS, word=word) for word in words]
    sql = _RETURNERS.format(
        bucket_of_first=bucket_sql(buckets, "first_on"),
        bucket=bucket_sql(buckets),
        words=", ".join(f"word_{word}" for word in words),
        bits=", ".join(bits),
        start=start.sql,
        returning=returning.sql,
        matching=filters.matching.sql,
    )
    parameters: dict[str, Any] = {
        "since": naive(buckets[0].start),
        "until": naive(buckets[-1].end),
        "cohorts_end": naive(buckets[options.cohorts - 1].end),
    }
    connection.execute(sql, parameters | filters.matching.parameters | start.parameters | returning.parameters)
