"""Revenue: by time and currency, per person, by any column, and over the lives of cohorts."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

from dashboard_app.measures.lifetime import Lifetime, measure_lifetime
from dashboard_app.measures.revenue import (
    Money,
    RevenuePeriod,
    measure_previous,
    measure_revenue,
    measure_values,
)
from dashboard_app.presenting.charts import Series, by_name, category_axis, make_chart, time_axis, time_table
from dashboard_app.presenting.colours import currency_colours
from dashboard_app.presenting.formats import NO_CURRENCY
from dashboard_app.presenting.links import page_url, with_condition
from dashboard_app.presenting.revenue import currency_rows, headline_cards, lifetime_rows, value_rows
from dashboard_app.question.buckets import MINUTE, Bucket, Interval, floor, make_buckets
from dashboard_app.question.choosing import BY, parse_choice, parse_column
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table, Value

DEFAULT_COLUMN: Final = "country"
AUTO: Final = "auto"
NO_CODE: Final = "none"
MAX_COHORTS: Final = 60
PERIODS: Final = (AUTO, Interval.DAY, Interval.WEEK, Interval.MONTH)
# Up to this length of a range, this length of a cohort is chosen by itself; months beyond.
_AUTOMATIC: Final = ((timedelta(days=15), Interval.DAY), (timedelta(days=190), Interval.WEEK))
_TITLES: Final = {"revenue": "Revenue", "payers": "Paying persons"}
_NUMBERS: Final = ("revenue", "payments", "average_payment", "paying_persons", "revenue_per_paying_person")


@dataclass(frozen=True, slots=True)
class RevenueOptions:
    """`currency` is a code, NO_CODE for amounts without one, or empty for the one with the most payments.

    `cohorts` are the buckets of the first events, none of which begins after the present.
    """

    column: str
    currency: str
    choice: str
    period: Interval
    cohorts: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class RevenueResult:
    """The money of all currencies; `values` and `lifetime` are of `currency`, which is None for no currency."""

    current: RevenuePeriod
    previous: RevenuePeriod | None
    currency: str | None
    values: dict[str | None, Money]
    lifetime: Lifetime

    @property
    def currencies(self) -> list[str | None]:
        """Those of the range and of the period before, in the order of the page."""
        return by_name({*self.current.total, *(self.previous.total if self.previous else ())})


class RevenueReport:
    """The page Revenue."""

    name: ClassVar[str] = "revenue"
    title: ClassVar[str] = "Revenue"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        BY,
        Parameter("currency", f"The currency of every table but `currencies`; “{NO_CODE}” for amounts without one."),
        Parameter("period", "The length of a cohort in the table `lifetime`.", values=PERIODS),
    )
    intervals: ClassVar[bool] = True
    compares: ClassVar[bool] = True

    def parse(self, query: Query, context: Context) -> RevenueOptions:
        currency = query.get("currency") or ""
        if not re.fullmatch(f"|{NO_CODE}|[A-Z]{{3}}", currency):
            raise FilterError(f"“{currency}” is no currency. Give a code such as EUR, or {NO_CODE}.", "currency")
        asked = parse_filters(query, now=context.now, tz=context.tz).range
        choice = parse_choice(query, "period", PERIODS)
        automatic = next((period for most, period in _AUTOMATIC if asked.end - asked.start <= most), Interval.MONTH)
        period = automatic if choice == AUTO else Interval(choice)
        end = min(asked.end, floor(context.now, Interval.MINUTE, context.tz) + MINUTE)
        cohorts = make_buckets(asked.start, end, period, context.now, context.tz)
        if len(cohorts) > MAX_COHORTS:
            message = f"This range has {len(cohorts):,} cohorts of a {period}; at most {MAX_COHORTS} are shown."
            raise FilterError(f"{message} Choose a longer period or a shorter range.", "period")
        return RevenueOptions(parse_column(query, DEFAULT_COLUMN), currency, choice, period, tuple(cohorts))

    def measure(self, rows: Rows, filters: Filters, options: RevenueOptions) -> RevenueResult:
        previous = measure_previous(rows.connection, filters, options.column)
        current = measure_revenue(rows.connection, filters, options.column)
        currency = _currency(options.currency, current)
        values = measure_values(rows.connection, currency)
        return RevenueResult(
            current, previous, currency, values, measure_lifetime(rows.connection, filters, options.cohorts, currency)
        )

    def present(
        self, result: RevenueResult, filters: Filters, options: RevenueOptions, context: Context
    ) -> Mapping[str, Any]:
        def only(value: str | None) -> str:
            return page_url(self.name, with_condition(context.query, options.column, value))

        axis = time_axis(filters, context)
        label = result.currency or NO_CURRENCY
        charts = [make_chart(name, f"{_TITLES[name]}, {label}", axis, one) for name, one in _series(result).items()]
        ages = category_axis(str(options.period).capitalize(), [str(age) for age in range(len(result.lifetime.all))])
        curve = [Series(label, _colour(result.currency), result.lifetime.all)]
        title = f"Revenue per person (LTV) by {options.period}, {label}"
        return {
            "cards": headline_cards(result.current, result.previous, result.currencies),
            "charts": [*charts, make_chart("lifetime", title, ages, curve)] if result.currencies else [],
            "currencies": [(currency or NO_CODE, currency or NO_CURRENCY) for currency in result.currencies],
            "currency": result.currency or NO_CODE,
            "currency_label": label if result.currencies else "any currency",
            "currency_rows": currency_rows(result.current, result.currencies),
            "value_rows": value_rows(result.values, result.current.of(result.currency), only),
            "column": options.column,
            "periods": [(name, f"{name} ({options.period})" if name == AUTO else str(name)) for name in PERIODS],
            "choice": options.choice,
            "period": str(options.period),
            "ages": range(len(result.lifetime.all)),
            "cohorts": lifetime_rows(result.lifetime, options.period, context.tz),
        }

    def tables(self, result: RevenueResult, filters: Filters, options: RevenueOptions) -> list[Table]:
        label = result.currency or NO_CURRENCY
        charts = [time_table(name, f"{_TITLES[name]}, {label}", filters, one) for name, one in _series(result).items()]
        values: list[tuple[Value, ...]] = [(value, *_numbers(money)) for value, money in result.values.items()]
        value_title = f"Revenue by {options.column}, {label}"
        curve: list[tuple[Value, ...]] = list(enumerate(result.lifetime.all))
        return [
            _currency_table(result),
            *charts,
            Table("values", value_title, (options.column, *_NUMBERS), values),
            Table("lifetime", f"Revenue per person (LTV), {label}", (str(options.period), "revenue_per_person"), curve),
            _cohort_table(result.lifetime, filters, options, label),
        ]


def _currency(asked: str, current: RevenuePeriod) -> str | None:
    if asked:
        return None if asked == NO_CODE else asked
    most = max((money.payments for money in current.total.values()), default=0)
    return next((name for name in by_name(current.total) if current.total[name].payments == most), None)


def _colour(currency: str | None) -> int:
    return currency_colours([currency])[currency]


def _series(result: RevenueResult) -> dict[str, list[Series]]:
    """One currency a chart: amounts of another would hide it behind their scale, or be hidden."""

    def series(number: Callable[[Money], Any]) -> list[Series]:
        current = [number(money) for money in result.current.in_buckets(result.currency)]
        previous = [number(money) for money in result.previous.in_buckets(result.currency)] if result.previous else None
        return [Series(result.currency or NO_CURRENCY, _colour(result.currency), current, previous)]

    return {"revenue": series(lambda money: money.revenue), "payers": series(lambda money: money.payers)}


def _numbers(money: Money) -> tuple[Value, ...]:
    return money.revenue, money.payments, money.average_payment, money.payers, money.per_payer


def _currency_table(result: RevenueResult) -> Table:
    columns = ("currency", *_NUMBERS, "persons", "revenue_per_person", "revenue_previous")
    previous = result.previous
    rows: list[tuple[Value, ...]] = [
        (
            currency,
            *_numbers(result.current.of(currency)),
            result.current.persons,
            result.current.per_person(currency),
            previous.of(currency).revenue if previous else None,
        )
        for currency in result.currencies
    ]
    return Table("currencies", "Revenue by currency, in total", columns, rows)


def _cohort_table(lifetime: Lifetime, filters: Filters, options: RevenueOptions, label: str) -> Table:
    columns = ("cohort", "persons", *(f"{options.period}_{age}" for age in range(len(lifetime.all))))
    rows: list[tuple[Value, ...]] = [
        (
            cohort.bucket.start.astimezone(filters.tz),
            cohort.persons,
            *cohort.cumulative,
            *_blanks(lifetime.all, cohort.cumulative),
        )
        for cohort in lifetime.cohorts
    ]
    return Table("cohorts", f"Revenue per person by cohort, up to each {options.period}, {label}", columns, rows)


def _blanks(ages: Sequence[Decimal | None], reached: Sequence[Decimal | None]) -> list[None]:
    return [None] * (len(ages) - len(reached))
