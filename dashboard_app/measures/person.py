"""One person: traits, the ids that are joined, and what happened, session by session."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import duckdb

from dashboard_app.measures.users import Seen, describe
from dashboard_app.question.filters import Filters

EVENTS_PER_PAGE: Final = 100

IdKind = Literal["user", "device"]
_BY_ID: Final = {
    "user": "SELECT person FROM events WHERE user_id = $id LIMIT 1",
    # A device may have served several; what it did without a user is the one's that it first identified as.
    "device": """SELECT person FROM events WHERE device_id = $id
                 ORDER BY user_id IS NOT NULL, created_on, _partition, _offset LIMIT 1""",
}
_TRAITS: Final = """
SELECT trait.key, arg_max(json_extract_string(trait.value, '$'), (created_on, _partition, _offset)) AS value
FROM (SELECT * FROM events WHERE person = $person AND kind = 'identify' AND properties IS NOT NULL) AS row,
     json_each(row.properties) AS trait
GROUP BY trait.key HAVING value IS NOT NULL ORDER BY trait.key"""
_IDS: Final = """
SELECT 'user' AS kind, user_id AS id, min(created_on) AS first_seen, max(created_on), count(*) FROM events
WHERE person = $person AND user_id IS NOT NULL GROUP BY user_id
UNION ALL
SELECT 'device', device_id, min(created_on), max(created_on), count(*) FROM events
WHERE person = $person AND device_id IS NOT NULL GROUP BY device_id
ORDER BY kind DESC, first_seen, id"""
_TIMELINE: Final = """
SELECT session, created_on, event_type, page_path, platform, device_id, revenue, currency, properties,
       min(created_on) OVER one_session AS first_on, max(created_on) OVER one_session AS last_on,
       count(*) OVER one_session AS events
FROM events WHERE {where} AND person = $person WINDOW one_session AS (PARTITION BY session)
ORDER BY last_on DESC, session, created_on DESC, _partition DESC, _offset DESC
LIMIT {limit} OFFSET {offset}"""


@dataclass(frozen=True, slots=True)
class LinkedId:
    """A user or device id of the person, and when it was seen."""

    kind: IdKind
    id: str
    first_seen: datetime
    last_seen: datetime
    events: int


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the timeline; `properties` is JSON text."""

    created_on: datetime
    event_type: str
    page_path: str | None
    platform: str | None
    device_id: str | None
    revenue: Decimal | None
    currency: str | None
    properties: str | None


@dataclass(frozen=True, slots=True)
class Visit:
    """A session in the range: from when to when, how many events, and those of them that are on this page."""

    first_on: datetime
    last_on: datetime
    events: int
    shown: list[Happened]


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of one person. Traits are the newest value of each; sessions come newest first."""

    seen: Seen
    traits: list[tuple[str, str]]
    ids: list[LinkedId]
    visits: list[Visit]
    has_more: bool


def measure_person(
    connection: duckdb.DuckDBPyConnection, filters: Filters, kind: IdKind, id_: str, page: int
) -> Person | None:
    """The person with this user or device id; None when no event of the store has it. Raises duckdb.Error."""
    found = connection.execute(_BY_ID[kind], {"id": id_}).fetchall()
    if not found:
        return None
    person = {"person": found[0][0]}
    (seen,) = describe(connection, filters, [person["person"]])
    visits, has_more = _timeline(connection, filters, person, page)
    ids = [
        LinkedId(kind, name, first.replace(tzinfo=UTC), last.replace(tzinfo=UTC), events)
        for kind, name, first, last, events in connection.execute(_IDS, person).fetchall()
    ]
    return Person(seen, connection.execute(_TRAITS, person).fetchall(), ids, visits, has_more)


def _timeline(
    connection: duckdb.DuckDBPyConnection, filters: Filters, person: dict[str, Any], page: int
) -> tuple[list[Visit], bool]:
    sql = _TIMELINE.format(where=filters.where.sql, limit=EVENTS_PER_PAGE + 1, offset=EVENTS_PER_PAGE * (page - 1))
    rows = connection.execute(sql, filters.where.parameters | person).fetchall()
    visits: dict[Any, Visit] = {}
    for session, created_on, *columns, first_on, last_on, events in rows[:EVENTS_PER_PAGE]:
        visit = Visit(first_on.replace(tzinfo=UTC), last_on.replace(tzinfo=UTC), events, [])
        visits.setdefault(session, visit).shown.append(Happened(created_on.replace(tzinfo=UTC), *columns))
    return list(visits.values()), len(rows) > EVENTS_PER_PAGE
