"""Live: rows as they are committed, who is here now, and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from dashboard_app.measures.live import HERE_MINUTES, MINUTES, Live, LiveEvent, Visitor, measure_live
from dashboard_app.presenting.charts import Axis, Series, make_chart
from dashboard_app.presenting.formats import bucket_label, bucket_title, money
from dashboard_app.presenting.links import page_url, with_condition
from dashboard_app.presenting.people_links import who_url
from dashboard_app.presenting.values import Breakdown, Card, Moment, make_breakdown_rows, make_figure, make_moment
from dashboard_app.question.buckets import MINUTE, Bucket, Interval, floor
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table

_EVENT_COLUMNS: Final = (
    *("received_on", "created_on", "event_type", "who", "page_path", "platform", "country", "revenue", "currency"),
    *("_partition", "_offset"),
)


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A row of the stream; `key` names the stored row for good, so that the page can tell what is new.

    `url` is the person's page.
    """

    key: str
    at: Moment
    event: LiveEvent
    url: str
    revenue: str


@dataclass(frozen=True, slots=True)
class VisitorRow:
    """Somebody who is here; `url` is the person's page."""

    visitor: Visitor
    url: str
    seen: Moment
    events: str


class LiveReport:
    """The page Live. It is of the present, whatever the range; the filters count. Its option is the end of
    the present minute."""

    name: ClassVar[str] = "live"
    title: ClassVar[str] = "Live"
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    intervals: ClassVar[bool] = False
    compares: ClassVar[bool] = False

    def parse(self, query: Query, context: Context) -> datetime:  # noqa: ARG002 (the protocol's)
        return floor(context.now, Interval.MINUTE, context.tz) + MINUTE

    def measure(self, rows: Rows, filters: Filters, options: datetime) -> Live:
        return measure_live(rows.connection, filters, options)

    def present(self, result: Live, filters: Filters, options: datetime, context: Context) -> Mapping[str, Any]:  # noqa: ARG002
        return {
            "cards": _cards(result),
            "charts": [
                make_chart("minutes", "Events of each minute", _axis(result, context), _series(result), kind="bar")
            ],
            "stream": [_stream_row(event, context) for event in result.newest],
            "visitors": [_visitor_row(visitor, context) for visitor in result.visitors],
            "top_pages": _pages(result, context),
            "about": f"the last {MINUTES} minutes",
            "here_minutes": HERE_MINUTES,
            "minutes": MINUTES,
        }

    def tables(self, result: Live, filters: Filters, options: datetime) -> list[Table]:  # noqa: ARG002
        tz = filters.tz
        starts = [(result.start + number * MINUTE).astimezone(tz) for number in range(MINUTES)]
        visitors = [
            (one.who, one.seen_on.astimezone(tz), one.events, one.page_path, one.platform, one.country)
            for one in result.visitors
        ]
        return [
            Table("headline", "Now", ("measure", "value"), [(name, value) for name, value in _headline(result)]),
            Table(
                "minutes",
                "Events of each minute",
                ("time", "events", "persons"),
                list(zip(starts, result.events_by_minute, result.persons_by_minute, strict=True)),
            ),
            Table("stream", "Newest events", _EVENT_COLUMNS, [_values(event, filters) for event in result.newest]),
            Table(
                "visitors", "Here now", ("who", "seen_on", "events", "page_path", "platform", "country"), list(visitors)
            ),
            Table(
                "pages",
                "Pages now",
                ("page_path", "persons", "events"),
                [(page.page_path, page.persons, page.events) for page in result.pages],
            ),
        ]


def _headline(result: Live) -> list[tuple[str, int]]:
    return [
        ("persons here now", result.here),
        ("events of those here", result.events_here),
        (f"events of the last {MINUTES} minutes", sum(result.events_by_minute)),
        ("events of the last whole minute", result.events_by_minute[-2]),
    ]


def _cards(result: Live) -> list[Card]:
    return [Card(name.capitalize(), [make_figure(number)]) for name, number in _headline(result)]


def _axis(result: Live, context: Context) -> Axis:
    buckets = [
        Bucket(start := result.start + number * MINUTE, start + MINUTE, whole=number < MINUTES - 1)
        for number in range(MINUTES)
    ]
    titles = [bucket_title(bucket, Interval.MINUTE, context.tz) for bucket in buckets]
    return Axis(
        corner="Time",
        labels=[bucket_label(bucket, Interval.MINUTE, context.tz, one_day=True) for bucket in buckets],
        titles=titles,
        previous_titles=titles,
        incomplete=[not bucket.whole for bucket in buckets],
        begun=MINUTES,
        annotations=[],
    )


def _series(result: Live) -> list[Series]:
    return [Series("Events", 1, result.events_by_minute)]


def _stream_row(event: LiveEvent, context: Context) -> StreamRow:
    revenue = "" if event.revenue is None else money(event.revenue, event.currency)
    at = make_moment(event.received_on, context.now, context.tz)
    url = who_url(event.who, context, is_user=event.is_user)
    return StreamRow(f"{event.partition}-{event.offset}", at, event, url, revenue)


def _visitor_row(visitor: Visitor, context: Context) -> VisitorRow:
    url = who_url(visitor.who, context, is_user=visitor.user_id is not None)
    return VisitorRow(visitor, url, make_moment(visitor.seen_on, context.now, context.tz), f"{visitor.events:,}")


def _pages(result: Live, context: Context) -> Breakdown:
    rows = make_breakdown_rows(
        [(page.page_path, [(page.persons, None), (page.events, None)]) for page in result.pages],
        result.here,
        lambda value: page_url("live", with_condition(context.query, "page_path", value)),
    )
    return Breakdown("pages", "Pages now", "Page", ["Persons", "Events"], rows)


def _values(event: LiveEvent, filters: Filters) -> tuple[Any, ...]:
    return (
        event.received_on.astimezone(filters.tz),
        event.created_on.astimezone(filters.tz),
        event.event_type,
        event.who,
        event.page_path,
        event.platform,
        event.country,
        event.revenue,
        event.currency,
        event.partition,
        event.offset,
    )
