"""What the templates of Users write. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from dashboard_app.measures.person import Happened, LinkedId, Person, Visit
from dashboard_app.measures.users import Order, People, Seen
from dashboard_app.presenting.charts import by_name
from dashboard_app.presenting.formats import NO_CURRENCY, absolute, duration, money
from dashboard_app.presenting.links import page_url, replaced, shared_query, with_query
from dashboard_app.presenting.people_links import page_links, person_url
from dashboard_app.presenting.values import Card, Figure, Moment, make_figure, make_moment
from dashboard_app.question.filters import Filters
from dashboard_app.report import Context

ORDERS: Final = {
    Order.LAST_SEEN: "Last seen",
    Order.NEWEST: "Newest",
    Order.MOST_EVENTS: "Most events",
}
_LONGEST_PROPERTIES: Final = 300


@dataclass(frozen=True, slots=True)
class UserRow:
    """A row of the list."""

    label: str
    url: str
    is_anonymous: bool
    first_seen: Moment
    last_seen: Moment
    events: Figure
    sessions: Figure
    revenue: list[str]


@dataclass(frozen=True, slots=True)
class IdRow:
    """A user or device id of a person."""

    kind: str
    id: str
    last_seen: Moment
    events: Figure


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the timeline; `details` is what its properties say."""

    time: str
    full: str
    event_type: str
    page: str
    platform: str
    revenue: str
    details: str


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A session of the timeline; `hidden` is how many of its events are on other pages."""

    started: Moment
    length: str
    count: int
    hidden: int
    events: list[EventRow]


def present_people(people: People, page: int, context: Context) -> dict[str, Any]:
    """The list."""
    rows = [_row(row, context) for row in people.rows]
    return {
        "orders": ORDERS,
        "people": rows,
        "pages": page_links(page_url("users"), context, page, has_more=people.has_more),
    }


def present_person(person: Person, page: int, filters: Filters, context: Context) -> dict[str, Any]:
    """A person's page."""
    seen = person.seen
    list_query = shared_query(context.query)
    return {
        "person": _row(seen, context),
        "cards": _cards(seen),
        "traits": person.traits,
        "ids": [_id(one, context) for one in person.ids],
        "visits": [_visit(visit, context) for visit in person.visits],
        "list_url": page_url("users", list_query),
        "everything_url": _everything_url(seen, filters, context),
        "pages": page_links(page_url("users"), context, page, has_more=person.has_more),
    }


def _row(row: Seen, context: Context) -> UserRow:
    return UserRow(
        label=row.identity.label,
        url=person_url(row.identity, context),
        is_anonymous=row.identity.user_id is None,
        first_seen=make_moment(row.identity.first_seen, context.now, context.tz),
        last_seen=make_moment(row.identity.last_seen, context.now, context.tz),
        events=make_figure(row.events),
        sessions=make_figure(row.sessions),
        revenue=_amounts(row.revenue),
    )


def _amounts(revenue: dict[str | None, Decimal]) -> list[str]:
    return [money(revenue[currency], currency) for currency in by_name(revenue)]


def _cards(seen: Seen) -> list[Card]:
    revenue = [make_figure(seen.revenue[currency], None, currency or NO_CURRENCY) for currency in by_name(seen.revenue)]
    known = seen.identity
    return [
        Card("Events", [make_figure(seen.events)]),
        Card("Sessions", [make_figure(seen.sessions)]),
        Card("Revenue", revenue or [Figure("0", "No event of this range has revenue")]),
        Card(
            "Known for",
            [Figure(duration(known.last_seen - known.first_seen), "From the first event to the last")],
        ),
    ]


def _everything_url(seen: Seen, filters: Filters, context: Context) -> str:
    """The same page with a range that holds all of the person's events; empty where this one does."""
    start, end, known = filters.range.start, filters.range.end, seen.identity
    if start <= known.first_seen and known.last_seen < end:
        return ""
    first, after = (
        known.first_seen.astimezone(context.tz),
        known.last_seen.astimezone(context.tz) + timedelta(days=1),
    )
    edges = {"from": [f"{first:%Y-%m-%d}T00:00"], "to": [f"{after:%Y-%m-%d}T00:00"]}
    return with_query(page_url("users"), replaced(context.query, range=["custom"], page=[], **edges))


def _id(one: LinkedId, context: Context) -> IdRow:
    last_seen = make_moment(one.last_seen, context.now, context.tz)
    return IdRow(one.kind, one.id, last_seen, make_figure(one.events))


def _visit(visit: Visit, context: Context) -> VisitRow:
    return VisitRow(
        started=make_moment(visit.first_on, context.now, context.tz),
        length=duration(visit.last_on - visit.first_on),
        count=visit.events,
        hidden=visit.events - len(visit.shown),
        events=[_event(event, context) for event in visit.shown],
    )


def _event(event: Happened, context: Context) -> EventRow:
    details = event.properties or ""
    return EventRow(
        time=f"{event.created_on.astimezone(context.tz):%H:%M:%S}",
        full=absolute(event.created_on, context.tz),
        event_type=event.event_type,
        page=event.page_path or "",
        platform=event.platform or "",
        revenue="" if event.revenue is None else money(event.revenue, event.currency),
        details=details if len(details) <= _LONGEST_PROPERTIES else f"{details[:_LONGEST_PROPERTIES]}…",
    )
