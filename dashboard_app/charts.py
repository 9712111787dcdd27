"""What Chart.js draws, and the table that says the same: pure functions of an overview."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboard_app.colours import GREY, currency_colour, type_colours
from dashboard_app.filters import Filters
from dashboard_app.formats import NO_CURRENCY, bucket_label, bucket_title, exact
from dashboard_app.metrics import Counts, Overview

OTHER: Final = "Other types"
_PREVIOUS: Final = "previous period"
_TITLES: Final = {
    "events": "Events by type",
    "people": "Unique devices and sessions",
    "revenue": "Revenue by currency",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One line or stack of a chart. A value is None in a bucket that has not begun.

    `colour` numbers the palette in the style sheet, 0 is its grey; `previous` is the period before.
    """

    label: str
    colour: int
    values: list[Any]
    previous: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of the page. `payload` is for Chart.js; `header` and `rows` are the table beside it."""

    id: str
    title: str
    payload: dict[str, Any]
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Axis:
    """The buckets of a page as labels, made once for all its charts. `begun` counts those that have begun."""

    labels: list[str]
    titles: list[str]
    previous_titles: list[str]
    incomplete: list[bool]
    begun: int


def make_axis(filters: Filters, now: datetime, tz: ZoneInfo) -> Axis:
    """The time axis of the page's charts."""
    one_day = filters.range.end - filters.range.start <= timedelta(days=1)
    interval = filters.interval
    return Axis(
        labels=[bucket_label(bucket, interval, tz, one_day=one_day) for bucket in filters.buckets],
        titles=[bucket_title(bucket, interval, tz) for bucket in filters.buckets],
        previous_titles=[bucket_title(bucket, interval, tz) for bucket in filters.previous_buckets],
        incomplete=[not bucket.whole for bucket in filters.buckets],
        begun=sum(bucket.start <= now for bucket in filters.buckets),
    )


def make_charts(overview: Overview, axis: Axis) -> list[Chart]:
    """All charts of the page, in its order. Revenue has one only where there is any."""
    charts = [_events(overview, axis), _people(overview, axis)]
    currencies = by_name(overview.current.total.revenue)
    return [*charts, _revenue(overview, axis, currencies)] if currencies else charts


def _events(overview: Overview, axis: Axis) -> Chart:
    colours = type_colours(list(overview.drawn))
    series = [Series(name, colours[name], values) for name, values in overview.drawn.items()]
    rest = [bucket.events for bucket in overview.current.buckets]
    for values in overview.drawn.values():
        rest = [left - value for left, value in zip(rest, values, strict=True)]
    if any(rest):
        series.append(Series(OTHER, GREY, rest))
    total = None
    if overview.previous:
        total = [bucket.events for bucket in overview.previous.buckets]
    return _chart("events", axis, series, stacked=True, previous_total=total)


def _people(overview: Overview, axis: Axis) -> Chart:
    def series(label: str, colour: int, name: str) -> Series:
        previous = [getattr(bucket, name) for bucket in overview.previous.buckets] if overview.previous else None
        return Series(label, colour, [getattr(bucket, name) for bucket in overview.current.buckets], previous)

    pair = [series("Unique devices", 1, "devices"), series("Sessions", 2, "sessions")]
    return _chart("people", axis, pair)


def _revenue(overview: Overview, axis: Axis, currencies: list[str | None]) -> Chart:
    def values(buckets: list[Counts], currency: str | None) -> list[Decimal]:
        return [bucket.revenue.get(currency, Decimal(0)) for bucket in buckets]

    series = [
        Series(
            currency or NO_CURRENCY,
            currency_colour(currency),
            values(overview.current.buckets, currency),
            values(overview.previous.buckets, currency) if overview.previous else None,
        )
        for currency in currencies
    ]
    return _chart("revenue", axis, series)


def by_name(currencies: Iterable[str | None]) -> list[str | None]:
    """Currencies in the alphabet's order, and last what has none."""
    return sorted(currencies, key=lambda currency: (currency is None, currency))


def _chart(
    name: str, axis: Axis, series: list[Series], *, stacked: bool = False, previous_total: list[int] | None = None
) -> Chart:
    title = _TITLES[name]
    begun = [Series(s.label, s.colour, _begun(s.values, axis), s.previous and _begun(s.previous, axis)) for s in series]
    summary = (
        f"{title}: {axis.begun} steps, {axis.titles[0]} to {axis.titles[axis.begun - 1]}. The table has the numbers."
    )
    payload = {
        "summary": summary,
        "stacked": stacked,
        "labels": axis.labels,
        "titles": axis.titles,
        "previousTitles": axis.previous_titles,
        "incomplete": axis.incomplete,
        "previousTotal": previous_total and _begun(previous_total, axis),
        "series": [
            {
                "label": s.label,
                "colour": s.colour,
                "values": _plain(s.values),
                "previous": s.previous and _plain(s.previous),
            }
            for s in begun
        ],
    }
    columns = [(s.label, s.values) for s in begun]
    columns += [(f"{s.label}, {_PREVIOUS}", s.previous) for s in begun if s.previous]
    if previous_total:
        columns.append((f"All, {_PREVIOUS}", previous_total))
    rows = [[axis.titles[i], *(_cell(values[i]) for _, values in columns)] for i in range(axis.begun)]
    return Chart(name, title, payload, [label for label, _ in columns], rows)


def _begun(values: list[Any], axis: Axis) -> list[Any]:
    return values[: axis.begun] + [None] * (len(values) - axis.begun)


def _plain(values: list[Any]) -> list[Any]:
    return [float(value) if isinstance(value, Decimal) else value for value in values]


def _cell(value: int | Decimal | None) -> str:
    return "" if value is None else exact(value)
