"""The headline numbers of a period from the rollups, and from the rows that they do not cover."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.bucketing import bucket_sql
from dashboard_app.filters import naive
from dashboard_app.measures.periods import Counts, Period
from dashboard_app.metrics import REVENUE
from dashboard_app.rollup.covering import moment
from dashboard_app.rollup.layout import EVERY_ROW, SPANS, Members
from dashboard_app.rollup.reading import DistinctCounter, different
from dashboard_app.rollup.rolled import Division

_DIFFERENT: Final = """
SELECT DISTINCT {bucket} AS bucket, {column} AS number FROM {loose} WHERE {column} IS NOT NULL ORDER BY bucket"""
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
    limit = division.rolled.index.limit
    counter, total = DistinctCounter(limit), np.zeros(limit, bool)
    for counted, loose, pieces in zip(period.buckets, *_sets(division, "device", EVERY_ROW), strict=True):
        numbers = [loose, *(members for _, members in pieces)]
        counted.devices = counter.count(numbers)
        for some in numbers:
            total[some] = True
    period.total.devices = int(np.count_nonzero(total))


def _count_sessions(division: Division, period: Period) -> None:
    found: list[npt.NDArray[np.int64]] = []
    for counted, loose, pieces in zip(period.buckets, *_sets(division, "session", SPANS), strict=True):
        of_spans = [division.rolled.sessions(file)[places] for file, places in pieces]
        found.append(different(np.concatenate([loose, *of_spans])))
        counted.sessions = len(found[-1])
    period.total.sessions = len(different(np.concatenate(found)))


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


def _sets(
    division: Division, column: str, part: str
) -> tuple[list[npt.NDArray[Any]], Iterator[list[tuple[int, Members]]]]:
    """Of each bucket the numbers in the column of the rows that are not covered, and the members of the others."""
    sql = _DIFFERENT.format(bucket=bucket_sql(division.buckets), column=column, loose=division.loose)
    found = division.rolled.connection.execute(sql).fetchnumpy()
    buckets, numbers = (np.asarray(found[name]) for name in ("bucket", "number"))
    loose = np.split(numbers, np.searchsorted(buckets, np.arange(1, len(division.buckets))))
    chosen = division.choose(part)
    return loose, division.members(chosen, chosen.buckets, len(division.buckets))
