"""Users: who was there, the search for one, and what one person did."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from dashboard_app.measures.person import IdKind, Person, measure_person
from dashboard_app.measures.users import Order, People, Seen, measure_people
from dashboard_app.presenting.charts import by_name
from dashboard_app.presenting.people_links import parse_page
from dashboard_app.presenting.users import present_people, present_person
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table, Value

_LONGEST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class UsersOptions:
    """The list of people, or the one person of `id`; `page` counts from 1."""

    text: str
    order: Order
    page: int
    kind: IdKind | None = None
    id: str = ""


class UsersReport:
    """People, newest or busiest first, and a page for each."""

    name: ClassVar[str] = "users"
    title: ClassVar[str] = "Users"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("q", "Search the whole store for a part of a user id, a device id or a trait, such as an address."),
        Parameter("sort", "Who comes first.", values=tuple(Order)),
        Parameter("user", "The person with this user id instead of the list."),
        Parameter("device", "The person with this device id instead of the list."),
        Parameter("page", "The page of the list or of the person's events, from 1."),
    )
    intervals: ClassVar[bool] = False
    compares: ClassVar[bool] = False

    def parse(self, query: Query, context: Context) -> UsersOptions:  # noqa: ARG002 (needs no time)
        text, order = (query.get("q") or "").strip(), query.get("sort") or Order.LAST_SEEN
        if len(text) > _LONGEST_TEXT:
            raise FilterError(f"Search for at most {_LONGEST_TEXT} characters; these are {len(text):,}.", "q")
        if order not in list(Order):
            raise FilterError(f"The order “{order}” is not known. Choose one of {', '.join(Order)}.", "sort")
        user, device = query.get("user") or "", query.get("device") or ""
        if user and device:
            raise FilterError("Give a user id or a device id, not both.", "device")
        kind: IdKind | None = "user" if user else "device" if device else None
        return UsersOptions(text, Order(order), parse_page(query), kind, user or device)

    def measure(self, rows: Rows, filters: Filters, options: UsersOptions) -> People | Person | None:
        if options.kind:
            return measure_person(rows.connection, filters, options.kind, options.id, options.page)
        return measure_people(rows.connection, filters, options.text, options.order, options.page)

    def present(
        self, result: People | Person | None, filters: Filters, options: UsersOptions, context: Context
    ) -> Mapping[str, Any]:
        shared = {"text": options.text, "order": options.order, "kind": options.kind, "id": options.id}
        if isinstance(result, People):
            return {**shared, **present_people(result, options.page, context)}
        if result is None:
            return {**shared, "unknown": options.id}
        return {**shared, **present_person(result, options.page, filters, context)}

    def tables(self, result: People | Person | None, filters: Filters, options: UsersOptions) -> list[Table]:  # noqa: ARG002
        if isinstance(result, Person):
            return _person_tables(result, filters)
        return [_people_table("users", "Users", result.rows if result else [], filters)]


def _people_table(name: str, title: str, rows: list[Seen], filters: Filters) -> Table:
    currencies = by_name({currency for row in rows for currency in row.revenue})
    columns = ("user_id", "device_id", "first_seen", "last_seen", "events", "sessions")
    revenue = tuple(f"revenue_{currency or 'without_currency'}" for currency in currencies)
    values: list[tuple[Value, ...]] = [
        (
            row.identity.user_id,
            row.identity.device_id,
            row.identity.first_seen.astimezone(filters.tz),
            row.identity.last_seen.astimezone(filters.tz),
            row.events,
            row.sessions,
            *(row.revenue.get(currency) for currency in currencies),
        )
        for row in rows
    ]
    return Table(name, title, (*columns, *revenue), values)


def _person_tables(person: Person, filters: Filters) -> list[Table]:
    columns = ("session", "created_on", "event_type", "page_path", "platform", "device_id", "revenue", "currency")
    events: list[tuple[Value, ...]] = [
        (
            visit.first_on.astimezone(filters.tz),
            event.created_on.astimezone(filters.tz),
            event.event_type,
            event.page_path,
            event.platform,
            event.device_id,
            event.revenue,
            event.currency,
            event.properties,
        )
        for visit in person.visits
        for event in visit.shown
    ]
    ids: list[tuple[Value, ...]] = [
        (one.kind, one.id, one.first_seen.astimezone(filters.tz), one.last_seen.astimezone(filters.tz), one.events)
        for one in person.ids
    ]
    return [
        Table("timeline", "Timeline", (*columns, "properties"), events),
        _people_table("person", "Person", [person.seen], filters),
        Table("traits", "Traits", ("trait", "value"), list(person.traits)),
        Table("ids", "Devices and users", ("kind", "id", "first_seen", "last_seen", "events"), ids),
    ]
