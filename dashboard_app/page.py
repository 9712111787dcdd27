"""What the template writes: the overview's numbers as text. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboard_app.charts import Chart, by_name, make_axis, make_charts
from dashboard_app.filters import AUTO, INTERVALS, RANGES, Filters
from dashboard_app.formats import NO_CURRENCY, absolute, ago, change, exact, minute, money, share, short
from dashboard_app.metrics import NewestEvent, Overview
from dashboard_app.overview import Report


@dataclass(frozen=True, slots=True)
class Figure:
    """A number: in short, exactly, and against the period before (`trend` is up, down or level)."""

    short: str
    exact: str
    unit: str = ""
    change: str = ""
    trend: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One of the headline numbers; revenue has a figure per currency."""

    label: str
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A row of the table of event types; `width` is the length of the bar behind it, in percent."""

    name: str
    events: Figure
    share: str
    devices: Figure
    width: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as the page writes it: relative, and in full."""

    iso: str
    ago: str
    full: str


@dataclass(frozen=True, slots=True)
class NewestRow:
    """A row of the table of newest events."""

    at: Moment
    event: NewestEvent
    revenue: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything below the bar."""

    cards: list[Card]
    charts: list[Chart]
    types: list[TypeRow]
    newest: list[NewestRow]
    range: str
    newest_on: Moment | None
    is_empty_range: bool
    is_empty_store: bool


_ZERO: Final = Decimal(0)


def make_page(report: Report, filters: Filters, now: datetime, tz: ZoneInfo) -> Page:
    """The page of `report` at `now`, times in `tz`."""
    overview = report.overview
    is_empty_range = not overview.current.total.events
    return Page(
        cards=_cards(overview),
        charts=make_charts(overview, make_axis(filters, now, tz)),
        types=_types(overview),
        newest=[_newest(event, now, tz) for event in overview.newest],
        range=f"{minute(filters.range.start, tz)} to {minute(filters.range.end, tz)} ({tz})",
        newest_on=make_moment(overview.newest_on, now, tz) if overview.newest_on else None,
        is_empty_range=is_empty_range,
        is_empty_store=is_empty_range and overview.newest_on is None,
    )


def make_form(filters: Filters, tz: ZoneInfo) -> dict[str, Any]:
    """The state of the bar's form; the fields of a custom range begin with the range that is shown."""
    return {
        "ranges": RANGES,
        "intervals": [(name, f"{name} ({filters.interval})" if name == AUTO else name) for name in INTERVALS],
        "range": filters.name,
        "interval": filters.choice,
        "compare": filters.previous is not None,
        "start": f"{filters.range.start.astimezone(tz):%Y-%m-%dT%H:%M}",
        "end": f"{filters.range.end.astimezone(tz):%Y-%m-%dT%H:%M}",
    }


def make_moment(moment: datetime, now: datetime, tz: ZoneInfo) -> Moment:
    """`moment` seen from `now`."""
    return Moment(moment.isoformat(), ago(moment, now), absolute(moment, tz))


def _cards(overview: Overview) -> list[Card]:
    current, previous = overview.current.total, overview.previous.total if overview.previous else None
    currencies = by_name({*current.revenue, *(previous.revenue if previous else ())})
    revenue = [
        _figure(
            current.revenue.get(currency, _ZERO),
            previous.revenue.get(currency, _ZERO) if previous else None,
            currency or NO_CURRENCY,
        )
        for currency in currencies
    ]
    return [
        Card("Events", [_figure(current.events, previous.events if previous else None)]),
        Card("Unique devices", [_figure(current.devices, previous.devices if previous else None)]),
        Card("Sessions", [_figure(current.sessions, previous.sessions if previous else None)]),
        Card("Revenue", revenue or [Figure("0", "No event of this range has revenue")]),
    ]


def _figure(number: int | Decimal, previous: int | Decimal | None, unit: str = "") -> Figure:
    if previous is None:
        return Figure(short(number), exact(number), unit)
    trend = "up" if number > previous > 0 else "down" if number < previous else "level"
    return Figure(short(number), exact(number), unit, change(number, previous), trend, exact(previous))


def _types(overview: Overview) -> list[TypeRow]:
    total = overview.current.total.events
    most = overview.types[0].events if overview.types else 0
    return [
        TypeRow(
            name=row.name,
            events=_figure(row.events, row.previous if overview.previous else None),
            share=share(row.events, total),
            devices=_figure(row.devices, None),
            width=f"{100 * row.events / most:.1f}",
        )
        for row in overview.types
    ]


def _newest(event: NewestEvent, now: datetime, tz: ZoneInfo) -> NewestRow:
    revenue = "" if event.revenue is None else money(event.revenue, event.currency)
    return NewestRow(make_moment(event.created_on, now, tz), event, revenue)
