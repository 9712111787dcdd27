"""Any measure of any event over time, broken down by any column or property."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dashboard_app.measures.event_types import event_types
from dashboard_app.measures.explore_groups import OTHER, Explored, Group, Pair, Period, Places, events_of
from dashboard_app.measures.stored_explore import (
    STORED,
    measure_different,
    stored_events,
    stored_groups,
    stored_top,
)
from dashboard_app.metrics import EVENTS, NUMERIC
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.conditions import Where, column_sql, number_sql
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows

# Of the last four, the column whose different values are counted.
COUNTS: Final = {"events": "", "devices": "device_id", "users": "user_id", "persons": "person", "sessions": "session"}
MEASURES: Final = (*COUNTS, *NUMERIC)
# Measures of which the parts of a whole may be stacked.
ADDITIVE: Final = ("events", "sum")
OFFERED_EVENTS: Final = 100
OFFERED_PROPERTIES: Final = 100
_LOOKED_AT: Final = 5000
_DIGITS: Final = 6

_TOP: Final = f"""
SELECT {{group}} AS value, {EVENTS} AS events FROM events WHERE {{where}}
GROUP BY value ORDER BY events DESC, value NULLS LAST LIMIT {{limit}}"""  # noqa: S608
# A NULL bucket stands for the whole range.
_MEASURE: Final = """
SELECT {bucket} AS bucket, {place} AS place, {measure} FROM {relation} WHERE {where}
GROUP BY GROUPING SETS ((place), (bucket, place))"""
# Who it was stands once for each bucket before anybody is counted: in half of the time.
_MEASURE_DIFFERENT: Final = """
WITH seen AS MATERIALIZED (
    SELECT DISTINCT {bucket} AS bucket, {place} AS place, {column} AS number FROM {relation}
    WHERE {where} AND {column} IS NOT NULL
)
SELECT bucket, place, count(*) FROM seen GROUP BY bucket, place
UNION ALL SELECT NULL, place, count(DISTINCT number) FROM seen GROUP BY place"""
_ANY_OTHER: Final = f"SELECT 1 FROM {{relation}} WHERE {{where}} AND ({{place}}) = {OTHER} LIMIT 1"  # noqa: S608
_PROPERTIES: Final = f"""
SELECT DISTINCT unnest(json_keys(properties)) AS name
FROM (SELECT properties FROM events WHERE {{where}} AND properties IS NOT NULL LIMIT {_LOOKED_AT})
ORDER BY name LIMIT {OFFERED_PROPERTIES}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Exploration:
    """What the page shows, and which events and properties it offers for choice."""

    groups: list[Group]
    event_types: list[str]
    properties: list[str]


def measure_explore(rows: Rows, filters: Filters, asked: Explored) -> Exploration:
    """Measure the rows; by the sequences as far as those go. Raises duckdb.Error and OSError."""
    places = Places(asked, _top(rows, filters, asked) if asked.by else [])
    groups = [group for pair in asked.pairs for group in _groups(rows, filters, places, pair)]
    where = filters.where
    names = rows.connection.execute(_PROPERTIES.format(where=where.sql), where.parameters).fetchall()
    return Exploration(groups, list(event_types(rows, filters)[:OFFERED_EVENTS]), [name for (name,) in names])


def _top(rows: Rows, filters: Filters, asked: Explored) -> list[str | None]:
    """The commonest values among the events of all pairs, by events, then by name."""
    if stored := stored_groups(rows, filters, asked.pairs, asked.by):
        return stored_top(stored, filters, asked.pairs, asked.top)
    where = filters.where & events_of(asked.pairs)
    sql = _TOP.format(group=f"({column_sql(asked.by)})::VARCHAR", where=where.sql, limit=asked.top)
    return [value for value, _ in rows.connection.execute(sql, where.parameters).fetchall()]


def _groups(rows: Rows, filters: Filters, places: Places, pair: Pair) -> list[Group]:
    """The groups of a pair that have rows in the range."""
    groups = places.empty_groups(pair)
    found = _measured(rows, filters, (filters.range, filters.buckets), (places, pair))
    nothing = 0 if pair.measure in (*COUNTS, "sum") else None
    for place, group in groups.items():
        group.total, group.values = _numbers(found.get(place, {}), len(filters.buckets), nothing)
    before: dict[int, dict[int | None, Any]] = {}
    if filters.previous:
        before = _measured(rows, filters, (filters.previous, filters.previous_buckets), (places, pair))
        for place, group in groups.items():
            numbers = _numbers(before.get(place, {}), len(filters.buckets), nothing)
            group.previous_total, group.previous = numbers
    return [group for place, group in groups.items() if place != OTHER or place in found or place in before]


def _measured(
    rows: Rows, filters: Filters, period: Period, asked: tuple[Places, Pair]
) -> dict[int, dict[int | None, Any]]:
    """The numbers of one period, by place and bucket; None for all buckets together."""
    places, pair = asked
    where, buckets = filters.where_in(period[0]), period[1]
    stored = stored_groups(rows, filters, [pair], places.by) if pair.measure in STORED else None
    if not stored:
        return _measured_in("events", rows, where, buckets, asked)
    if pair.measure != "events":
        return measure_different(stored, filters, period, places, pair)
    found = _measured_in("recent", rows, where, buckets, asked)
    for place, events in stored_events(stored, buckets, places).items():
        if total := int(events.sum()):
            numbers = found.setdefault(place, {})
            numbers[None] = numbers.get(None, 0) + total
            for bucket in np.flatnonzero(events).tolist():
                numbers[bucket] = numbers.get(bucket, 0) + int(events[bucket])
    return found


def _measured_in(
    relation: str, rows: Rows, where: Where, buckets: Sequence[Bucket], asked: tuple[Places, Pair]
) -> dict[int, dict[int | None, Any]]:
    """The same of the rows of a relation."""
    places, pair = asked
    where &= events_of([pair])
    names = {"bucket": bucket_sql(buckets), "place": places.sql, "relation": relation, "where": where.sql}
    parameters = {**where.parameters, **places.parameters}
    if column := COUNTS.get(pair.measure):
        sql = _MEASURE_DIFFERENT.format(column=column, **names)
    else:
        measure = NUMERIC[pair.measure].format(number=number_sql(pair.number)) if pair.number else EVENTS
        sql = _MEASURE.format(measure=measure, **names)
    found: dict[int, dict[int | None, Any]] = {}
    for bucket, place, number in rows.connection.execute(sql, parameters).fetchall():
        # Averages and percentiles have no end of digits.
        found.setdefault(place, {})[bucket] = round(number, _DIGITS) if isinstance(number, float) else number
    # Its rows may all be without anybody; it is shown nevertheless.
    if column and OTHER not in found and rows.connection.execute(_ANY_OTHER.format(**names), parameters).fetchall():
        found[OTHER] = {}
    return found


def _numbers(found: dict[int | None, Any], buckets: int, nothing: int | None) -> tuple[Any, list[Any]]:
    """The total and the number of each bucket, `nothing` where there is none."""
    numbers = {bucket: number for bucket, number in found.items() if number is not None}
    return numbers.get(None, nothing), [numbers.get(bucket, nothing) for bucket in range(buckets)]
