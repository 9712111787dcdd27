"""What a person brings in over time (LTV), by cohorts of the first event. docs/metrics.md has the definition."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

import duckdb

from dashboard_app.measures.revenue import quotient
from dashboard_app.measures.stretches import stretches_ever
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.filters import Filters, naive

_NEWCOMERS: Final = """
CREATE OR REPLACE TEMP TABLE newcomer AS
SELECT person, min(stretch.first_on) AS first_on FROM {stretches} AS stretch WHERE stretch.first_on < $end
GROUP BY person HAVING min(stretch.first_on) >= $start"""
_SIZES: Final = "SELECT {cohort}, count(*) FROM newcomer GROUP BY 1"
_PAID: Final = """
SELECT {cohort} AS cohort, {paid_in} AS paid_in, sum(revenue) FROM amount JOIN newcomer USING (person)
WHERE currency IS NOT DISTINCT FROM $currency AND created_on < $end GROUP BY 1, 2"""


@dataclass(frozen=True, slots=True)
class Cohort:
    """The persons whose first event is in `bucket`. `cumulative` has what they brought in up to each age, per person.

    Age 0 is the cohort's own bucket; the last age lies in the last bucket that has begun and may still grow.
    """

    bucket: Bucket
    persons: int
    cumulative: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The cohorts of a range in one currency, and the mean over all: at each age of those that have reached it."""

    cohorts: list[Cohort]
    all: tuple[Decimal | None, ...]


def measure_lifetime(
    connection: duckdb.DuckDBPyConnection,
    filters: Filters,
    buckets: Sequence[Bucket],
    currency: str | None,
) -> Lifetime:
    """Cohorts by `buckets`, which have all begun; reads the table `amount`. Raises duckdb.Error."""
    if not buckets:
        return Lifetime([], ())
    times = {"start": naive(buckets[0].start), "end": naive(buckets[-1].end)}
    ever = stretches_ever(filters)
    connection.execute(_NEWCOMERS.format(stretches=ever.sql), {**ever.parameters, **times})
    cohort = bucket_sql(buckets, "first_on")
    sizes: dict[int, int] = dict(connection.execute(_SIZES.format(cohort=cohort)).fetchall())
    revenue = [[Decimal(0)] * (len(buckets) - number) for number in range(len(buckets))]
    paid = connection.execute(
        _PAID.format(cohort=cohort, paid_in=bucket_sql(buckets)), {"currency": currency, "end": times["end"]}
    )
    for number, paid_in, amount in paid.fetchall():
        revenue[number][paid_in - number] = amount
    persons = [sizes.get(number, 0) for number in range(len(buckets))]
    cohorts = [
        Cohort(bucket, size, tuple(_cumulative(amounts, size)))
        for bucket, size, amounts in zip(buckets, persons, revenue, strict=True)
    ]
    return Lifetime(cohorts, tuple(_mean(revenue, persons)))


def _cumulative(amounts: Sequence[Decimal], persons: int) -> list[Decimal | None]:
    return [quotient(sum(amounts[: age + 1], Decimal(0)), persons) for age in range(len(amounts))]


def _mean(revenue: Sequence[Sequence[Decimal]], persons: Sequence[int]) -> list[Decimal | None]:
    """At each age the sum, up to it, of what one person of the cohorts that have reached an age brought in at it."""
    mean: list[Decimal | None] = []
    so_far = Fraction(0)
    for age in range(len(revenue)):
        reached = range(len(revenue) - age)
        people = sum(persons[number] for number in reached)
        amount = sum((Fraction(revenue[number][age]) for number in reached), Fraction(0))
        so_far += amount / people if people else 0
        mean.append(quotient(so_far, 1) if people else None)
    return mean
