"""The state of the pipeline: what its parts last said of themselves, and what the store has.

The only numbers that are not of the view `events` alone: checkpoints, heartbeats and files are read beside it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

import duckdb
import msgspec

from brokerlytics.heartbeat import Heartbeat
from brokerlytics.intake_counts import ACCEPTED, IntakeCount, intake_counts
from brokerlytics.partition_overview import PartitionRow, feeders_of, partition_rows
from brokerlytics.store_size import StoreSize, store_sizes
from dashboard_app.metrics import EVENTS
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.filters import Filters
from dashboard_app.reading.letter_counts import LetterCounts

NumberT = TypeVar("NumberT", int, float)
_ROWS: Final = f"SELECT {EVENTS}, min(created_on), max(created_on), max(received_on) FROM events"  # noqa: S608
_RECEIVED: Final = f"""
SELECT {{bucket}}, {EVENTS} FROM events WHERE received_on >= $start AND received_on < $end AND {{matching}}
GROUP BY 1"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`received` has the stored events by the bucket that they were received in; the times are None without rows.

    `letters_problem` tells why the dead letters could not be counted, empty when they were.
    """

    partitions: list[PartitionRow]
    feeders: list[Heartbeat]
    sizes: list[StoreSize]
    letters: dict[str, int]
    letters_problem: str
    intake: list[IntakeCount]
    rows: int
    oldest_on: datetime | None
    newest_on: datetime | None
    received_on: datetime | None
    received: list[int]

    @property
    def lag(self) -> int | None:
        """Records that are on the topic and not stored; None while no feeder knows."""
        return _sum([row.status.lag for row in self.partitions if row.status])

    @property
    def arriving(self) -> float | None:
        """Records per second that came to the topic during the last minute; None while no feeder knows."""
        return _sum([row.status.arriving for row in self.partitions if row.status])

    @property
    def storing(self) -> float | None:
        """The same of records that were committed to the store."""
        return _sum([row.status.storing for row in self.partitions if row.status])

    @property
    def outcomes(self) -> dict[str, int]:
        """The events of each outcome in the range: accepted first, then the commonest."""
        codes: Counter[str] = Counter()
        for count in self.intake:
            codes[count.code] += count.events
        return dict(sorted(codes.items(), key=lambda one: (one[0] != ACCEPTED, -one[1], one[0])))

    @property
    def rejected(self) -> int:
        return sum(count.events for count in self.intake if count.code != ACCEPTED)

    @property
    def dead_letters(self) -> int:
        """As the checkpoints count them."""
        return sum(row.checkpoint.dead_letters for row in self.partitions)


def measure_pipeline(
    connection: duckdb.DuckDBPyConnection, filters: Filters, root: Path, topic: str, now: datetime
) -> Pipeline:
    """The state at `now`; rejections and received rows of the range. Raises duckdb.Error, OSError, django.db.Error."""
    feeders = feeders_of(root, topic, now)
    letters, problem = _letters(root, topic)
    rows, oldest, newest, received_on = connection.execute(_ROWS).fetchall()[0]
    first, last = filters.range.start.astimezone(UTC), filters.range.end.astimezone(UTC)
    return Pipeline(
        partitions=partition_rows(root, topic, feeders),
        feeders=feeders,
        sizes=store_sizes(root, topic),
        letters=letters,
        letters_problem=problem,
        intake=intake_counts(first.date(), (last - timedelta(microseconds=1)).date()),
        rows=rows,
        oldest_on=_utc(oldest),
        newest_on=_utc(newest),
        received_on=_utc(received_on),
        received=_received(connection, filters),
    )


def _letters(root: Path, topic: str) -> tuple[dict[str, int], str]:
    try:
        return _counts().by_reason(root, topic), ""
    except msgspec.MsgspecError:
        return {}, "A line of the dead letters is damaged: `python manage.py verifystore` names it."


@cache
def _counts() -> LetterCounts:
    """This process's."""
    return LetterCounts()


def _received(connection: duckdb.DuckDBPyConnection, filters: Filters) -> list[int]:
    received = [0] * len(filters.buckets)
    sql = _RECEIVED.format(bucket=bucket_sql(filters.buckets, "received_on"), matching=filters.matching.sql)
    for bucket, events in connection.execute(sql, filters.where.parameters).fetchall():
        received[bucket] = events
    return received


def _sum(numbers: list[NumberT | None]) -> NumberT | None:
    known = [number for number in numbers if number is not None]
    # Rates have one place; a sum of floats may seem to have more.
    return round(sum(known[1:], known[0]), 1) if known else None


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
