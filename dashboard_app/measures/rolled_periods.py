"""The headline numbers of a period from the rollups, and from the rows that they do not cover."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.measures.periods import Counts, Period
from dashboard_app.metrics import REVENUE
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.filters import naive
from dashboard_app.rollup.covering import moment
from dashboard_app.rollup.rolled import Division

_DIFFERENT: Final = """
SELECT DISTINCT {bucket} AS bucket, {column} AS number FROM {loose}
WHERE {column} IS NOT NULL ORDER BY bucket"""
# What is covered by source, currency and slot, and what is not.
_REVENUES: Final = f"""
SELECT {{bucket}} AS bucket, currency, {REVENUE}
FROM (
    SELECT slot AS created_on, currency, revenue FROM {{revenues}}
    WHERE slot >= $start AND slot < $end AND ($source = '' OR source = $source)
    AND day NOT IN (SELECT unnest($gone::VARCHAR[]))
    AND time_bucket(to_minutes($step), slot) NOT IN (SELECT unnest($partial::TIMESTAMP[]))
    UNION ALL SELECT created_on, currency, revenue FROM {{loose}} WHERE revenue IS NOT NULL
) GROUP BY GROUPING SETS ((currency), (bucket, currency))"""  # noqa: S608


def measure_rolled_period(division: Division) -> Period:
    """What `measure_period` measures. Raises duckdb.Error and OSError."""
    events = division.events().tolist()
    period = Period(Counts(sum(events)), [Counts(count) for count in events])
    _count_devices(division, period)
    _count_sessions(division, period)
    _add_revenue(division, period)
    return period


def _count_devices(division: Division, period: Period) -> None:
    sets, everything = division.covered.devices_by_bucket()
    loose = _loose(division, "device")
    for counted, some, others in zip(period.buckets, sets, loose, strict=True):
        counted.devices = some.count_with(others)
    period.total.devices = everything.count_with(np.concatenate(loose))


def _count_sessions(division: Division, period: Period) -> None:
    rolled = division.rolled
    sets, everything = division.covered.sessions_by_bucket(rolled.sessions, rolled.index.version)
    loose = _loose(division, "session")
    for counted, some, others in zip(period.buckets, sets, loose, strict=True):
        counted.sessions = some.count_with(others)
    period.total.sessions = everything.count_with(np.concatenate(loose))


def _add_revenue(division: Division, period: Period) -> None:
    index = division.rolled.index
    sql = _REVENUES.format(bucket=bucket_sql(division.buckets), revenues=index.revenues, loose=division.loose)
    parameters: dict[str, Any] = {
        "start": naive(division.range.start),
        "end": naive(division.range.end),
        "gone": list(index.gone),
        "source": division.source,
        "step": division.cover.step,
        "partial": [moment(slot) for slot in division.cover.partial],
    }
    for bucket, currency, revenue in division.rolled.connection.execute(sql, parameters).fetchall():
        (period.total if bucket is None else period.buckets[bucket]).revenue[currency] = revenue


def _loose(division: Division, column: str) -> list[npt.NDArray[Any]]:
    """Of each bucket the different numbers in the column of the rows that are not covered."""
    sql = _DIFFERENT.format(bucket=bucket_sql(division.buckets), column=column, loose=division.loose)
    found = division.rolled.connection.execute(sql).fetchnumpy()
    buckets, numbers = (np.asarray(found[name]) for name in ("bucket", "number"))
    return np.split(numbers, np.searchsorted(buckets, np.arange(1, len(division.buckets))))
