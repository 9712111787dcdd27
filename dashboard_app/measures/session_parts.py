"""Dividing the sessions of a range, so that the work on a part fits into the memory of a reader.

What is kept of each session while its rows are read cannot be moved to disk. Each session lies wholly in one part, so
that what is counted of the parts adds up.
"""

from itertools import pairwise
from typing import Final

import duckdb

from dashboard_app.conditions import Where
from dashboard_app.filters import DateRange, naive

PART_ROWS: Final = 2_000_000
# The bounds are taken from one row of so many: they need not be exact.
SAMPLED: Final = 100
_WITHIN: Final = "created_on >= $start AND created_on < $end"
_COUNT: Final = f"SELECT count(*) FROM events WHERE {_WITHIN}"  # noqa: S608
_BOUNDS: Final = f"""
SELECT DISTINCT unnest(quantile_disc(session, $shares::DOUBLE[])) AS bound FROM events
WHERE {_WITHIN} AND _offset % $sampled = 0 ORDER BY bound"""  # noqa: S608


def session_parts(connection: duckdb.DuckDBPyConnection, date_range: DateRange) -> list[Where]:
    """Conditions on `events`; each row of the range meets exactly one. Raises duckdb.Error."""
    times = {"start": naive(date_range.start), "end": naive(date_range.end)}
    (rows,) = connection.execute(_COUNT, times).fetchall()[0]
    parts = -(-rows // PART_ROWS)
    if parts <= 1:
        return [Where("TRUE", {})]
    shares = [number / parts for number in range(1, parts)]
    found = connection.execute(_BOUNDS, {**times, "shares": shares, "sampled": SAMPLED}).fetchall()
    bounds = [bound for (bound,) in found if bound is not None]
    if not bounds:
        return [Where("TRUE", {})]
    return [
        Where("session < $below", {"below": bounds[0]}),
        *(
            Where("session >= $above AND session < $below", {"above": above, "below": below})
            for above, below in pairwise(bounds)
        ),
        Where("session >= $above", {"above": bounds[-1]}),
    ]
