"""The numbers of retention; docs/metrics.md says the same in prose.

`returner` gets one row for each person of a cohort, with a bit for each period in which the person came back.
"""

from dataclasses import dataclass
from typing import Final

import duckdb

from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.buckets import Bucket, Interval
from dashboard_app.question.conditions import Where
from dashboard_app.question.filters import Filters, naive
from dashboard_app.question.steps import Step

_WORD_BITS: Final = 64
# Before the first period is the period -1.
_RETURNERS: Final = """
CREATE OR REPLACE TEMP TABLE returner AS
SELECT {bucket_of_first} AS cohort, {words} FROM (
    SELECT person, min(began_on) FILTER (starts) AS first_on, {bits}
    FROM (
        SELECT person, first_on AS began_on, starts, returns,
               CASE WHEN first_on >= $since THEN {first} ELSE -1 END AS first_bucket,
               CASE WHEN last_on >= $since THEN {last} ELSE -1 END AS last_bucket
        FROM ({seen})
    ) GROUP BY person
) WHERE first_on >= $since AND first_on < $cohorts_end"""
_BITS: Final = """
bit_or(CASE WHEN first_bucket // {width} = {word} AND first_bucket >= 0
            THEN 1::UBIGINT << (first_bucket % {width})::UBIGINT ELSE 0::UBIGINT END
     | CASE WHEN last_bucket // {width} = {word} AND last_bucket >= 0
            THEN 1::UBIGINT << (last_bucket % {width})::UBIGINT ELSE 0::UBIGINT END) FILTER (returns) AS word_{word}"""
_ROWS: Final = """
SELECT person, created_on AS first_on, created_on AS last_on, {start} AS starts, {returning} AS returns
FROM events WHERE created_on < $until AND {matching} AND ({start} OR {returning})"""
# With any event on both sides a span says it all, but for one that reaches over a whole period or beyond the last.
_WIDE_SPAN: Final = """
CREATE OR REPLACE TEMP TABLE wide_span AS
SELECT span FROM spans WHERE first_on < $until AND (last_on >= $until OR
    CASE WHEN last_on >= $since THEN {last} ELSE -1 END - CASE WHEN first_on >= $since THEN {first} ELSE -1 END > 1)"""
_SPANS: Final = """
SELECT person, first_on, last_on, TRUE AS starts, TRUE AS returns
FROM spans ANTI JOIN wide_span USING (span) WHERE first_on < $until"""
_WIDE_ROWS: Final = """
UNION ALL SELECT person, created_on, created_on, TRUE, TRUE
FROM span_events SEMI JOIN wide_span USING (span) WHERE created_on < $until"""
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
    seen = _seen(connection, filters, options)
    words = range((len(buckets) - 1) // _WORD_BITS + 1)
    sql = _RETURNERS.format(
        bucket_of_first=bucket_sql(buckets, "first_on"),
        first=bucket_sql(buckets, "first_on"),
        last=bucket_sql(buckets, "last_on"),
        words=", ".join(f"word_{word}" for word in words),
        bits=", ".join(_BITS.format(width=_WORD_BITS, word=word) for word in words),
        seen=seen.sql,
    )
    cohorts_end = naive(buckets[options.cohorts - 1].end)
    connection.execute(sql, {**seen.parameters, "since": naive(buckets[0].start), "cohorts_end": cohorts_end})


def _seen(connection: duckdb.DuckDBPyConnection, filters: Filters, options: RetentionOptions) -> Where:
    """A query for who was seen when, and whether that begins or continues: rows, or spans where they will do."""
    until = {"until": naive(options.buckets[-1].end)}
    if options.start or options.returning or not filters.passes_all:
        start = options.start.where("start") if options.start else _ANY
        returning = options.returning.where("returning") if options.returning else _ANY
        rows = _ROWS.format(start=start.sql, returning=returning.sql, matching=filters.matching.sql)
        return Where(rows, until | filters.matching.parameters | start.parameters | returning.parameters)
    buckets = {name: bucket_sql(options.buckets, f"{name}_on") for name in ("first", "last")}
    connection.execute(_WIDE_SPAN.format(**buckets), {**until, "since": naive(options.buckets[0].start)})
    (wide,) = connection.execute("SELECT count(*) FROM wide_span").fetchall()[0]
    return Where(_SPANS + _WIDE_ROWS if wide else _SPANS, until)
