"""Any measure of any event over time, broken down by any column or property."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb

from dashboard_app.bucketing import bucket_sql
from dashboard_app.buckets import Bucket
from dashboard_app.conditions import Where, column_sql, number_sql
from dashboard_app.filters import Filters
from dashboard_app.metrics import EVENTS, NUMERIC, PERSONS, SESSIONS, UNIQUE_DEVICES, UNIQUE_USERS

COUNTS: Final = {
    "events": EVENTS,
    "devices": UNIQUE_DEVICES,
    "users": UNIQUE_USERS,
    "persons": PERSONS,
    "sessions": SESSIONS,
}
MEASURES: Final = (*COUNTS, *NUMERIC)
# Measures of which the parts of a whole may be stacked.
ADDITIVE: Final = ("events", "sum")
OFFERED_EVENTS: Final = 100
OFFERED_PROPERTIES: Final = 100
_LOOKED_AT: Final = 5000
_DIGITS: Final = 6
# Places of groups that are no value of the top.
_OTHER, _MISSING, _ALL = 0, -1, -2

_TOP: Final = f"""
SELECT {{group}} AS value, {EVENTS} AS events FROM events WHERE {{where}}
GROUP BY value ORDER BY events DESC, value NULLS LAST LIMIT {{limit}}"""  # noqa: S608
# A NULL bucket stands for the whole range.
_MEASURE: Final = """
SELECT {bucket} AS bucket, {place} AS place, {measure} FROM events WHERE {where}
GROUP BY GROUPING SETS ((place), (bucket, place))"""
_EVENT_TYPES: Final = f"""
SELECT event_type FROM events WHERE {{where}} GROUP BY event_type
ORDER BY {EVENTS} DESC, event_type LIMIT {OFFERED_EVENTS}"""  # noqa: S608
_PROPERTIES: Final = f"""
SELECT DISTINCT unnest(json_keys(properties)) AS name
FROM (SELECT properties FROM events WHERE {{where}} AND properties IS NOT NULL LIMIT {_LOOKED_AT})
ORDER BY name LIMIT {OFFERED_PROPERTIES}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Pair:
    """An event (empty for all) and what is measured of it; `number` is the column or property of numeric measures."""

    event: str = ""
    measure: str = "events"
    number: str = ""


@dataclass(frozen=True, slots=True)
class Explored:
    """What is asked: at most one breakdown, of which the `top` values have series of their own."""

    pairs: tuple[Pair, ...]
    by: str = ""
    top: int = 5
    view: str = "line"


@dataclass(slots=True)
class Group:
    """The numbers of one pair and one value: per bucket, and of the whole range (never the sum of the buckets).

    `value` is None for rows without one; `is_other` is every value beyond the top, `is_all` no breakdown at all.
    A number is None where there is nothing to measure.
    """

    pair: Pair
    value: str | None = None
    is_other: bool = False
    is_all: bool = False
    total: Any = None
    values: list[Any] = field(default_factory=list)
    previous_total: Any = None
    previous: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Exploration:
    """What the page shows, and which events and properties it offers for choice."""

    groups: list[Group]
    event_types: list[str]
    properties: list[str]


def measure_explore(connection: duckdb.DuckDBPyConnection, filters: Filters, asked: Explored) -> Exploration:
    """Measure over the view `events`. Raises duckdb.Error."""
    places = _Places(asked, _top(connection, filters, asked) if asked.by else [])
    groups = [group for pair in asked.pairs for group in _groups(connection, filters, places, pair)]
    where = filters.where
    types = connection.execute(_EVENT_TYPES.format(where=where.sql), where.parameters).fetchall()
    names = connection.execute(_PROPERTIES.format(where=where.sql), where.parameters).fetchall()
    return Exploration(groups, [name for (name,) in types], [name for (name,) in names])


def _top(connection: duckdb.DuckDBPyConnection, filters: Filters, asked: Explored) -> list[str | None]:
    """The commonest values among the events of all pairs, by events, then by name."""
    where = filters.where & _events_of(asked.pairs)
    sql = _TOP.format(group=f"({column_sql(asked.by)})::VARCHAR", where=where.sql, limit=asked.top)
    return [value for value, _ in connection.execute(sql, where.parameters).fetchall()]


class _Places:
    """Numbers the groups of a breakdown in SQL: the commonest values by their rank, the others all alike.

    So the values beyond the top are one group of rows, whose uniques are counted and never summed.
    """

    def __init__(self, asked: Explored, top: Sequence[str | None]) -> None:
        self.names = [value for value in top if value is not None]
        self._has_missing = None in top
        self._value = f"({column_sql(asked.by)})::VARCHAR" if asked.by else ""

    @property
    def sql(self) -> str:
        if not self._value:
            return str(_ALL)
        rank = f"coalesce(list_position($top::VARCHAR[], {self._value}), {_OTHER})"
        return f"CASE WHEN {self._value} IS NULL THEN {_MISSING if self._has_missing else _OTHER} ELSE {rank} END"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"top": self.names} if self._value else {}

    def empty_groups(self, pair: Pair) -> dict[int, Group]:
        if not self._value:
            return {_ALL: Group(pair, is_all=True)}
        groups = {rank: Group(pair, value) for rank, value in enumerate(self.names, 1)}
        missing = {_MISSING: Group(pair)} if self._has_missing else {}
        return {**groups, **missing, _OTHER: Group(pair, is_other=True)}


def _groups(connection: duckdb.DuckDBPyConnection, filters: Filters, places: _Places, pair: Pair) -> list[Group]:
    """The groups of a pair that have rows in the range."""
    groups = places.empty_groups(pair)
    found = _measured(connection, filters.where, filters.buckets, (places, pair))
    nothing = 0 if pair.measure in (*COUNTS, "sum") else None
    for place, group in groups.items():
        group.total, group.values = _numbers(found.get(place, {}), len(filters.buckets), nothing)
    before: dict[int, dict[int | None, Any]] = {}
    if filters.previous:
        before = _measured(connection, filters.where_in(filters.previous), filters.previous_buckets, (places, pair))
        for place, group in groups.items():
            numbers = _numbers(before.get(place, {}), len(filters.buckets), nothing)
            group.previous_total, group.previous = numbers
    return [group for place, group in groups.items() if place != _OTHER or place in found or place in before]


def _measured(
    connection: duckdb.DuckDBPyConnection, where: Where, buckets: Sequence[Bucket], asked: tuple[_Places, Pair]
) -> dict[int, dict[int | None, Any]]:
    """The numbers of one period, by place and bucket; None for all buckets together."""
    places, pair = asked
    where &= _events_of([pair])
    measure = COUNTS.get(pair.measure) or NUMERIC[pair.measure].format(number=number_sql(pair.number))
    sql = _MEASURE.format(bucket=bucket_sql(buckets), place=places.sql, measure=measure, where=where.sql)
    found: dict[int, dict[int | None, Any]] = {}
    for bucket, place, number in connection.execute(sql, {**where.parameters, **places.parameters}).fetchall():
        # Averages and percentiles have no end of digits.
        found.setdefault(place, {})[bucket] = round(number, _DIGITS) if isinstance(number, float) else number
    return found


def _numbers(found: dict[int | None, Any], buckets: int, nothing: int | None) -> tuple[Any, list[Any]]:
    """The total and the number of each bucket, `nothing` where there is none."""
    numbers = {bucket: number for bucket, number in found.items() if number is not None}
    return numbers.get(None, nothing), [numbers.get(bucket, nothing) for bucket in range(buckets)]


def _events_of(pairs: Sequence[Pair]) -> Where:
    """The rows of any of the pairs' events."""
    names = sorted({pair.event for pair in pairs})
    return Where("TRUE", {}) if "" in names else Where("event_type IN (SELECT unnest($events))", {"events": names})
