"""The numbers of revenue, each of one currency: amounts of different currencies are never added.

docs/metrics.md has the definitions. `None` as a currency stands for amounts that name none.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import duckdb

from dashboard_app.measures.stretches import stretches
from dashboard_app.metrics import PAYING_PERSONS, PAYMENTS, PERSONS, REVENUE
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.conditions import column_sql
from dashboard_app.question.filters import DateRange, Filters

TOP: Final = 10
_ZERO: Final = Decimal(0)
_PLACES: Final = 1_000_000
_PAID: Final = "coalesce(sum(revenue) FILTER (revenue > 0), 0)"
_NUMBERS: Final = ", ".join((REVENUE, PAYMENTS, _PAID, PAYING_PERSONS))
_AMOUNTS: Final = """
CREATE OR REPLACE TEMP TABLE amount AS
SELECT created_on, person, currency, revenue, CAST({column} AS VARCHAR) AS value
FROM amounts WHERE {where}"""
_PERSONS: Final = f"SELECT {PERSONS} FROM {{stretches}}"  # noqa: S608
# A NULL bucket stands for the whole range.
_BY_BUCKET: Final = f"""
SELECT currency, {{bucket}} AS bucket, {_NUMBERS} FROM amount
GROUP BY GROUPING SETS ((currency), (currency, bucket))"""  # noqa: S608
_BY_VALUE: Final = f"""
SELECT value, {_NUMBERS} FROM amount WHERE currency IS NOT DISTINCT FROM $currency
GROUP BY value ORDER BY {REVENUE} DESC, value NULLS LAST LIMIT {TOP}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts of one currency. `revenue` is the exact sum of all; `paid` that of the payments alone."""

    revenue: Decimal = _ZERO
    payments: int = 0
    paid: Decimal = _ZERO
    payers: int = 0

    @property
    def average_payment(self) -> Decimal | None:
        """Rounded to six places, as all quotients here; None where nothing was paid."""
        return quotient(self.paid, self.payments)

    @property
    def per_payer(self) -> Decimal | None:
        """ARPPU: the revenue for each paying person; None without one."""
        return quotient(self.revenue, self.payers)


@dataclass(frozen=True, slots=True)
class RevenuePeriod:
    """The money of a range by currency, also for each of its buckets; `persons` are all, paying or not."""

    persons: int
    total: dict[str | None, Money]
    buckets: list[dict[str | None, Money]]

    def of(self, currency: str | None) -> Money:
        """All of one currency, zeros where there is none."""
        return self.total.get(currency, Money())

    def per_person(self, currency: str | None) -> Decimal | None:
        """ARPU: the revenue for each person; None without one."""
        return quotient(self.of(currency).revenue, self.persons)

    def in_buckets(self, currency: str | None) -> list[Money]:
        return [bucket.get(currency, Money()) for bucket in self.buckets]


def quotient(amount: Decimal | Fraction, count: int) -> Decimal | None:
    """Rounded to six places, halves to even; None for a count of zero."""
    return Decimal(round(Fraction(amount) * _PLACES / count)) / _PLACES if count else None


def measure_revenue(connection: duckdb.DuckDBPyConnection, filters: Filters, column: str) -> RevenuePeriod:
    """Measure the range; its amounts stay in the temporary table `amount`, their `column` as text in `value`.

    Raises duckdb.Error.
    """
    return _period(connection, filters, filters.range, column)


def measure_previous(connection: duckdb.DuckDBPyConnection, filters: Filters, column: str) -> RevenuePeriod | None:
    """The same of the period before; None where nothing is compared."""
    return _period(connection, filters, filters.previous, column) if filters.previous else None


def measure_values(connection: duckdb.DuckDBPyConnection, currency: str | None) -> dict[str | None, Money]:
    """The values of the column with most revenue in `currency`, from the table `amount`. Raises duckdb.Error."""
    rows = connection.execute(_BY_VALUE, {"currency": currency}).fetchall()
    return {value: Money(*numbers) for value, *numbers in rows}


def _period(
    connection: duckdb.DuckDBPyConnection, filters: Filters, date_range: DateRange, column: str
) -> RevenuePeriod:
    where = filters.where_in(date_range)
    buckets = filters.buckets if date_range is filters.range else filters.previous_buckets
    connection.execute(_AMOUNTS.format(column=column_sql(column), where=where.sql), where.parameters)
    inside = stretches(connection, filters, date_range)
    persons: Any = connection.execute(_PERSONS.format(stretches=inside.sql), inside.parameters).fetchall()[0][0]
    total: dict[str | None, Money] = {}
    by_bucket: list[dict[str | None, Money]] = [{} for _ in buckets]
    for currency, bucket, *numbers in connection.execute(_BY_BUCKET.format(bucket=bucket_sql(buckets))).fetchall():
        target = total if bucket is None else by_bucket[bucket]
        target[currency] = Money(*numbers)
    return RevenuePeriod(persons, total, by_bucket)
