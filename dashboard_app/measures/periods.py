"""The headline numbers of a period and of each of its buckets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import duckdb

from dashboard_app.metrics import EVENTS, REVENUE, SESSIONS, UNIQUE_DEVICES
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.conditions import Where

# Each device and each session once for each bucket that it has events in: one look at the rows for both. From these few
# everything is counted. A NULL bucket stands for the whole period.
_COUNTS: Final = f"""
WITH seen AS MATERIALIZED (
    SELECT bucket, device_id, session, CASE WHEN grouping(session) = 0 THEN {EVENTS} END AS events
    FROM (SELECT {{bucket}} AS bucket, device_id, session FROM events WHERE {{where}})
    GROUP BY GROUPING SETS ((bucket, device_id), (bucket, session))
)
SELECT bucket, sum(events)::BIGINT, count(device_id), count(session) FROM seen GROUP BY bucket
UNION ALL
SELECT NULL, coalesce(sum(events), 0)::BIGINT, {UNIQUE_DEVICES}, {SESSIONS} FROM seen"""  # noqa: S608
_REVENUES: Final = """
SELECT {bucket} AS bucket, currency, {measure} FROM amounts WHERE {where}
GROUP BY GROUPING SETS ((currency), (bucket, currency))"""


@dataclass(slots=True)
class Counts:
    """The headline numbers of a period or a bucket. `revenue` is by currency, None for events that name none."""

    events: int = 0
    devices: int = 0
    sessions: int = 0
    revenue: dict[str | None, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class Period:
    """A period's numbers. Distinct counts of the buckets do not add up to those of the whole."""

    total: Counts
    buckets: list[Counts]


def measure_period(connection: duckdb.DuckDBPyConnection, where: Where, buckets: Sequence[Bucket]) -> Period:
    """Count the rows of `events` that `where` lets through, all of them within `buckets`. Raises duckdb.Error."""
    period = Period(Counts(), [Counts() for _ in buckets])

    def target(bucket: int | None) -> Counts:
        return period.total if bucket is None else period.buckets[bucket]

    counts = _COUNTS.format(bucket=bucket_sql(buckets), where=where.sql)
    for bucket, events, devices, sessions in connection.execute(counts, where.parameters).fetchall():
        counted = target(bucket)
        counted.events, counted.devices, counted.sessions = events, devices, sessions
    revenues = _REVENUES.format(bucket=bucket_sql(buckets), measure=REVENUE, where=where.sql)
    for bucket, currency, revenue in connection.execute(revenues, where.parameters).fetchall():
        target(bucket).revenue[currency] = revenue
    return period
