"""What a measure is given: the committed rows, and what is counted of them beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from dashboard_app.question.buckets import Bucket
from dashboard_app.question.filters import DateRange, Filters
from dashboard_app.rollup.rolled import Division, Rolled


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows as the view `events` of `connection`; `rolled` is None where no row is in an index."""

    connection: duckdb.DuckDBPyConnection
    rolled: Rolled | None = None

    def divide(self, filters: Filters, asked: DateRange, buckets: Sequence[Bucket] = ()) -> Division | None:
        """The rows of a range, divided into what the rollups have and the rest; without buckets, in one.

        None where rollups are of no use: without an index, with conditions on columns, and for buckets below an hour.
        """
        if not self.rolled or filters.conditions:
            return None
        division = self.rolled.divide(asked, filters.source, buckets or [Bucket(asked.start, asked.end, whole=True)])
        return None if division.cover.is_empty else division
