"""Who was there: the list of people, and the search for one. docs/metrics.md says in prose what each number is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import duckdb

from dashboard_app.measures.identities import Identity, identities
from dashboard_app.measures.stretches import stretches, stretches_ever
from dashboard_app.metrics import REVENUE, SESSIONS
from dashboard_app.question.conditions import Where
from dashboard_app.question.filters import Filters

PER_PAGE: Final = 50


class Order(StrEnum):
    """Who comes first: who was seen last, whoever is new, or who did most."""

    LAST_SEEN = "last-seen"
    NEWEST = "newest"
    MOST_EVENTS = "most-events"


_ORDERS: Final = {
    Order.LAST_SEEN: "max(last_on) DESC",
    Order.NEWEST: "min(first_on) DESC",
    Order.MOST_EVENTS: "sum(events) DESC",
}
_PRESENT: Final = "SELECT person FROM {stretches} GROUP BY person ORDER BY {order}, person"
# A person is new at the first event of all, so that the whole store has to be looked at.
_PRESENT_BY_AGE: Final = """
SELECT person FROM {ever} WHERE person IN (SELECT person FROM {stretches})
GROUP BY person ORDER BY {order}, person"""
# The text of all traits is looked at first, for it is quick; a match may be in a name, though.
_FOUND: Final = """
SELECT person FROM {ever} WHERE person IN (
    SELECT person FROM events WHERE contains(lower(user_id), lower($text)) OR contains(lower(device_id), lower($text))
    UNION
    SELECT person FROM (
        SELECT person, properties FROM events
        WHERE kind = 'identify' AND contains(lower(properties::VARCHAR), lower($quoted))
    ), json_each(properties) AS trait
    WHERE contains(lower(json_extract_string(trait.value, '$')), lower($text))
) GROUP BY person ORDER BY {order}, person"""
_COUNTS: Final = f"""
SELECT person, sum(events)::BIGINT, {SESSIONS} FROM {{stretches}}
WHERE person IN (SELECT unnest($persons)) GROUP BY person"""  # noqa: S608
_REVENUES: Final = f"""
SELECT person, currency, {REVENUE} FROM amounts
WHERE {{where}} AND person IN (SELECT unnest($persons))
GROUP BY person, currency"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Seen:
    """One person; events, sessions and revenue are those of the range that pass the filters."""

    identity: Identity
    events: int
    sessions: int
    revenue: dict[str | None, Decimal]


@dataclass(frozen=True, slots=True)
class People:
    """One page of the list; `has_more` tells that another follows."""

    rows: list[Seen]
    has_more: bool


def measure_people(
    connection: duckdb.DuckDBPyConnection, filters: Filters, text: str, order: Order, page: int
) -> People:
    """The page of those with an event in the range, or of all whose ids or traits hold `text`. Raises duckdb.Error."""
    inside = stretches(connection, filters, filters.range)
    chosen = _chosen(filters, inside, text, order)
    limits = f" LIMIT {PER_PAGE + 1} OFFSET {PER_PAGE * (page - 1)}"
    persons = [person for (person,) in connection.execute(chosen.sql + limits, chosen.parameters).fetchall()]
    return People(_describe(connection, filters, inside, persons[:PER_PAGE]), len(persons) > PER_PAGE)


def describe(connection: duckdb.DuckDBPyConnection, filters: Filters, persons: Sequence[Any]) -> list[Seen]:
    """What the list says of these persons, in their order. Raises duckdb.Error."""
    return _describe(connection, filters, stretches(connection, filters, filters.range), persons)


def _describe(
    connection: duckdb.DuckDBPyConnection, filters: Filters, inside: Where, persons: Sequence[Any]
) -> list[Seen]:
    if not persons:
        return []
    chosen = {"persons": list(persons)}
    counted = connection.execute(_COUNTS.format(stretches=inside.sql), inside.parameters | chosen).fetchall()
    counts = {person: (events, sessions) for person, events, sessions in counted}
    revenue: dict[Any, dict[str | None, Decimal]] = {person: {} for person in persons}
    where = filters.where
    amounts = connection.execute(_REVENUES.format(where=where.sql), where.parameters | chosen).fetchall()
    for person, currency, amount in amounts:
        revenue[person][currency] = amount
    ids = identities(connection, persons)
    return [Seen(ids[person], *counts.get(person, (0, 0)), revenue[person]) for person in persons]


def _chosen(filters: Filters, inside: Where, text: str, order: Order) -> Where:
    ever = stretches_ever(filters)
    names = {"ever": ever.sql, "order": _ORDERS[order]}
    if text:
        quoted = json.dumps(text, ensure_ascii=False)[1:-1]
        return Where(_FOUND.format(**names), {**ever.parameters, "text": text, "quoted": quoted})
    if order is Order.NEWEST:
        return Where(_PRESENT_BY_AGE.format(**names, stretches=inside.sql), inside.parameters | ever.parameters)
    return Where(_PRESENT.format(**names, stretches=inside.sql), inside.parameters)
