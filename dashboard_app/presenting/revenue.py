"""What the template of revenue writes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from dashboard_app.measures.lifetime import Lifetime
from dashboard_app.measures.revenue import Money, RevenuePeriod
from dashboard_app.presenting.formats import NO_CURRENCY, bucket_title, change, exact, short
from dashboard_app.presenting.values import Card, Figure, make_figure
from dashboard_app.question.buckets import Interval

# The heat map has as many shades.
_SHADES: Final = 10
_NOTHING: Final = Figure("-", "Nothing to divide by")


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """A currency or a value of a column, with its numbers; `width` is the length of the bar behind it, in percent."""

    label: str
    figures: list[Figure]
    width: str = "0"
    url: str = ""
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the cohorts. `shade` is from 0 to 10; an unfinished one may still grow."""

    figure: Figure
    shade: int
    is_unfinished: bool


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One cohort and what it has brought in per person, up to each age."""

    title: str
    persons: Figure
    cells: list[Cell]


def headline_cards(
    current: RevenuePeriod, previous: RevenuePeriod | None, currencies: Sequence[str | None]
) -> list[Card]:
    """The headline numbers, with a figure for each currency."""

    def card(label: str, number: Callable[[RevenuePeriod, str | None], Decimal | int | None]) -> Card:
        figures = [
            _amount(number(current, name), number(previous, name) if previous else None, name or NO_CURRENCY)
            for name in currencies
        ]
        return Card(label, figures or [Figure("0", "No event of this range has revenue")])

    return [
        card("Revenue", lambda period, name: period.of(name).revenue),
        card("Paying persons", lambda period, name: period.of(name).payers),
        card("Per paying person (ARPPU)", lambda period, name: period.of(name).per_payer),
        card("Per person (ARPU)", lambda period, name: period.per_person(name)),
    ]


def currency_rows(current: RevenuePeriod, currencies: Sequence[str | None]) -> list[MoneyRow]:
    """A row for each currency, all its numbers."""
    persons = make_figure(current.persons)
    return [
        MoneyRow(name or NO_CURRENCY, [*_figures(current.of(name)), persons, _amount(current.per_person(name))])
        for name in currencies
    ]


def value_rows(values: Mapping[str | None, Money], total: Money, url: Callable[[str | None], str]) -> list[MoneyRow]:
    """A row for each value of a column; the bars are its part of the revenue, none for what is below zero."""
    most = max((money.revenue for money in values.values()), default=Decimal(0))
    return [
        MoneyRow(
            "(none)" if value is None else value,
            [*_figures(money), Figure(_part(money.revenue, total.revenue), "of the revenue in this currency")],
            f"{max(Decimal(0), 100 * money.revenue / most):.1f}" if most > 0 else "0",
            url(value),
            value is None,
        )
        for value, money in values.items()
    ]


def lifetime_rows(lifetime: Lifetime, period: Interval, tz: ZoneInfo) -> list[CohortRow]:
    """The heat map; its shades are parts of the largest amount."""
    amounts = [amount for cohort in lifetime.cohorts for amount in cohort.cumulative if amount is not None]
    most = max(amounts, default=Decimal(0))
    rows = []
    for cohort in lifetime.cohorts:
        last = len(cohort.cumulative) - 1
        cells = [
            Cell(_amount(amount), _shade(amount, most), is_unfinished=age == last and not _is_over(lifetime))
            for age, amount in enumerate(cohort.cumulative)
        ]
        title = bucket_title(cohort.bucket, period, tz)
        rows.append(CohortRow(title, make_figure(cohort.persons), cells))
    return rows


def _is_over(lifetime: Lifetime) -> bool:
    return lifetime.cohorts[-1].bucket.whole


def _shade(amount: Decimal | None, most: Decimal) -> int:
    if amount is None or amount <= 0:
        return 0
    return min(_SHADES, -int(-amount * _SHADES // most))


def _figures(money: Money) -> list[Figure]:
    return [
        _amount(money.revenue),
        make_figure(money.payments),
        _amount(money.average_payment),
        make_figure(money.payers),
        _amount(money.per_payer),
    ]


def _amount(number: Decimal | int | None, previous: Decimal | int | None = None, unit: str = "") -> Figure:
    """Money with two places, all of them in its title; an int is a count."""
    if number is None:
        return _NOTHING
    if isinstance(number, int):
        return make_figure(number, previous, unit)
    text = short(number) if abs(number) >= 1000 else _two_places(number)
    if previous is None:
        return Figure(text, exact(number), unit)
    trend = "up" if number > previous > 0 else "down" if number < previous else "level"
    return Figure(text, exact(number), unit, change(number, previous), trend, exact(previous))


def _two_places(number: Decimal) -> str:
    """What would be nothing is written out."""
    return f"{number:.2f}" if not number or abs(number) >= Decimal("0.005") else exact(number)


def _part(amount: Decimal, total: Decimal) -> str:
    return f"{100 * amount / total:.1f}%" if total > 0 else "-"
