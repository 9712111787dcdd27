"""The events of some types in each bucket: by the rows, and by the rollups."""

from collections.abc import Sequence
from typing import Final

import duckdb

from dashboard_app.metrics import EVENTS
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.conditions import Where
from dashboard_app.rollup.rolled import Division

_TYPES: Final = f"""
SELECT event_type, {{bucket}} AS bucket, {EVENTS} FROM {{relation}}
WHERE {{where}} AND list_contains($types, event_type) GROUP BY event_type, bucket"""  # noqa: S608


def measure_types(
    connection: duckdb.DuckDBPyConnection,
    where: Where,
    buckets: Sequence[Bucket],
    types: Sequence[str],
    relation: str = "events",
) -> dict[str, list[int]]:
    """For each of the types its events of each bucket. Raises duckdb.Error."""
    found = {name: [0] * len(buckets) for name in types}
    sql = _TYPES.format(relation=relation, where=where.sql, bucket=bucket_sql(buckets))
    for name, bucket, events in connection.execute(sql, {**where.parameters, "types": list(types)}).fetchall():
        found[name][bucket] = events
    return found


def measure_rolled_types(division: Division, types: Sequence[str]) -> dict[str, list[int]]:
    """The same by the rollups. Raises duckdb.Error and OSError."""
    rolled, buckets = division.rolled, division.buckets
    loose = measure_types(rolled.connection, Where("TRUE", {}), buckets, types, division.loose)
    numbers = rolled.numbers("event_type", types)
    events = division.covered.events_by_bucket("event_type", [numbers.get(name, 0) for name in types])
    return {name: (some + loose[name]).tolist() for name, some in zip(types, events, strict=True)}
