"""The overview: headline numbers, events by type, and what they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final

from dashboard_app.measures.breakdowns import ValueCount
from dashboard_app.measures.overview import NewestEvent, Overview, measure_overview
from dashboard_app.measures.periods import Counts
from dashboard_app.presenting.charts import Axis, Chart, Series, by_name, make_chart, time_axis, time_table
from dashboard_app.presenting.colours import GREY, currency_colours, type_colours
from dashboard_app.presenting.formats import NO_CURRENCY, money
from dashboard_app.presenting.links import page_url, with_condition
from dashboard_app.presenting.people_links import who_url
from dashboard_app.presenting.values import (
    Breakdown,
    Card,
    Figure,
    Moment,
    make_breakdown_rows,
    make_figure,
    make_moment,
)
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table, Value

OTHER: Final = "Other types"
_TITLES: Final = {
    "events": "Events by type",
    "people": "Unique devices and sessions",
    "revenue": "Revenue by currency",
}
# Each column's title, and what heads its values.
BREAKDOWNS: Final = {
    "event_type": ("Top events", "Event"),
    "page_path": ("Pages", "Page"),
    "referrer_host": ("Referrers", "Host"),
    "utm_source": ("Campaign sources", "UTM source"),
    "utm_medium": ("Campaign media", "UTM medium"),
    "utm_campaign": ("Campaigns", "UTM campaign"),
    "country": ("Countries", "Country"),
    "platform": ("Platforms", "Platform"),
    "browser": ("Browsers", "Browser"),
    "os": ("Operating systems", "System"),
    "device_type": ("Device types", "Type"),
    "app_version": ("App versions", "Version"),
}
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class NewestRow:
    """A row of the table of newest events; `url` is the person's page."""

    at: Moment
    event: NewestEvent
    url: str
    revenue: str


class OverviewReport:
    """The front page. It has no options of its own."""

    name: ClassVar[str] = "overview"
    title: ClassVar[str] = "Overview"
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    intervals: ClassVar[bool] = True
    compares: ClassVar[bool] = True

    def parse(self, query: Query, context: Context) -> None:  # noqa: ARG002 (nothing to read)
        return None

    def measure(self, rows: Rows, filters: Filters, options: None) -> Overview:  # noqa: ARG002
        return measure_overview(rows, filters)

    def present(self, result: Overview, filters: Filters, options: None, context: Context) -> Mapping[str, Any]:  # noqa: ARG002
        axis = time_axis(filters, context)
        total = _previous_total(result)
        charts = [_chart(name, axis, series, total) for name, series in _series(result).items()]
        return {
            "cards": _cards(result),
            "charts": charts,
            "breakdowns": [_breakdown(column, rows, result, context) for column, rows in result.breakdowns.items()],
            "newest": [_newest(event, context) for event in result.newest],
        }

    def tables(self, result: Overview, filters: Filters, options: None) -> list[Table]:  # noqa: ARG002
        charts = [
            time_table(name, _TITLES[name], filters, series, _previous_total(result) if name == "events" else None)
            for name, series in _series(result).items()
        ]
        breakdowns = [_breakdown_table(column, rows) for column, rows in result.breakdowns.items()]
        return [_headline(result), *charts, *breakdowns, _newest_table(result, filters)]


def _chart(name: str, axis: Axis, series: list[Series], previous_total: list[int] | None) -> Chart:
    match name:
        case "events":
            return make_chart(
                name, _TITLES[name], axis, series, kind="bar", stacked=True, previous_total=previous_total
            )
        case "revenue":
            # An amount in yen would flatten all others.
            return make_chart(name, _revenue_title(series), axis, series, panels=True)
        case _:
            return make_chart(name, _TITLES[name], axis, series)


def _revenue_title(series: list[Series]) -> str:
    drawn = sum(one.is_drawn for one in series)
    return f"Revenue in {drawn} of {len(series)} currencies" if drawn < len(series) else _TITLES["revenue"]


def _series(overview: Overview) -> dict[str, list[Series]]:
    """The lines of each chart. Revenue has a chart only where there is any."""
    charts = {"events": _type_series(overview), "people": _people_series(overview)}
    currencies = by_name(overview.current.total.revenue)
    return {**charts, "revenue": _revenue_series(overview, currencies)} if currencies else charts


def _previous_total(overview: Overview) -> list[int] | None:
    return [bucket.events for bucket in overview.previous.buckets] if overview.previous else None


def _type_series(overview: Overview) -> list[Series]:
    colours = type_colours(list(overview.drawn))
    series = [Series(name, colours[name], values) for name, values in overview.drawn.items()]
    rest = [bucket.events for bucket in overview.current.buckets]
    for values in overview.drawn.values():
        rest = [left - value for left, value in zip(rest, values, strict=True)]
    return [*series, Series(OTHER, GREY, rest)] if any(rest) else series


def _people_series(overview: Overview) -> list[Series]:
    def series(label: str, colour: int, name: str) -> Series:
        previous = [getattr(bucket, name) for bucket in overview.previous.buckets] if overview.previous else None
        return Series(label, colour, [getattr(bucket, name) for bucket in overview.current.buckets], previous)

    return [series("Unique devices", 1, "devices"), series("Sessions", 2, "sessions")]


def _revenue_series(overview: Overview, currencies: Sequence[str | None]) -> list[Series]:
    colours = currency_colours(overview.currencies)

    def values(buckets: list[Counts], currency: str | None) -> list[Decimal]:
        return [bucket.revenue.get(currency, _ZERO) for bucket in buckets]

    return [
        Series(
            currency or NO_CURRENCY,
            colours.get(currency, GREY),
            values(overview.current.buckets, currency),
            values(overview.previous.buckets, currency) if overview.previous else None,
            is_drawn=currency in overview.currencies,
        )
        for currency in currencies
    ]


def _headline_numbers(overview: Overview) -> list[tuple[str, str, int | Decimal, int | Decimal | None]]:
    """Label, unit, number and the number of the period before; a line per currency."""
    current, previous = overview.current.total, overview.before
    currencies = by_name({*current.revenue, *(previous.revenue if previous else ())})
    return [
        ("Events", "", current.events, previous.events if previous else None),
        ("Unique devices", "", current.devices, previous.devices if previous else None),
        ("Sessions", "", current.sessions, previous.sessions if previous else None),
        *(
            (
                "Revenue",
                currency or NO_CURRENCY,
                current.revenue.get(currency, _ZERO),
                previous.revenue.get(currency, _ZERO) if previous else None,
            )
            for currency in currencies
        ),
    ]


def _headline(overview: Overview) -> Table:
    return Table(
        "headline", "Headline numbers", ("measure", "unit", "value", "previous"), list(_headline_numbers(overview))
    )


def _cards(overview: Overview) -> list[Card]:
    cards: dict[str, list[Figure]] = {}
    for label, unit, number, previous in _headline_numbers(overview):
        cards.setdefault(label, []).append(make_figure(number, previous, unit))
    cards.setdefault("Revenue", [Figure("0", "No event of this range has revenue")])
    return [Card(label, figures) for label, figures in cards.items()]


def _breakdown(column: str, rows: list[ValueCount], overview: Overview, context: Context) -> Breakdown:
    title, label = BREAKDOWNS[column]

    def url(value: str | None) -> str:
        return page_url("overview", with_condition(context.query, column, value))

    numbers = [(row.value, [(row.events, row.previous), (row.devices, None)]) for row in rows]
    shown = make_breakdown_rows(numbers, overview.current.total.events, url)
    return Breakdown(column.replace("_", "-"), title, label, ["Events", "Devices"], shown)


def _breakdown_table(column: str, rows: list[ValueCount]) -> Table:
    values: list[tuple[Value, ...]] = [(row.value, row.events, row.devices, row.previous) for row in rows]
    columns = (column, "events", "unique_devices", "events_previous")
    return Table(column.replace("_", "-"), BREAKDOWNS[column][0], columns, values)


def _newest(event: NewestEvent, context: Context) -> NewestRow:
    revenue = "" if event.revenue is None else money(event.revenue, event.currency)
    url = who_url(event.who, context, is_user=event.is_user)
    return NewestRow(make_moment(event.created_on, context.now, context.tz), event, url, revenue)


def _newest_table(overview: Overview, filters: Filters) -> Table:
    columns = ("created_on", "event_type", "who", "page_path", "platform", "country", "revenue", "currency")
    rows = [
        (
            event.created_on.astimezone(filters.tz),
            event.event_type,
            event.who,
            event.page_path,
            event.platform,
            event.country,
            event.revenue,
            event.currency,
        )
        for event in overview.newest
    ]
    return Table("newest", "Newest events", columns, list(rows))
