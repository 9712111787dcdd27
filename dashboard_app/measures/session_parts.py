"""Dividing sessions, so that the work on the rows of a part fits into the memory of a reader.

What is kept of each session while its rows are read cannot be moved to disk. Each session lies wholly in one part, so
that what is counted of the parts adds up.
"""

from itertools import pairwise
from typing import Final

import duckdb

from dashboard_app.conditions import Where

PART_ROWS: Final = 2_000_000
_COUNT: Final = "SELECT sum(events)::BIGINT FROM spans WHERE {chosen}"
# Some sessions are longer than others: the parts need not be of one size.
_BOUNDS: Final = """
SELECT DISTINCT unnest(quantile_disc(session, $shares::DOUBLE[])) AS bound FROM spans WHERE {chosen} ORDER BY bound"""


def session_parts(connection: duckdb.DuckDBPyConnection, chosen: Where) -> list[Where]:
    """Conditions on `session`; each session of the `chosen` spans meets exactly one. Raises duckdb.Error."""
    (rows,) = connection.execute(_COUNT.format(chosen=chosen.sql), chosen.parameters).fetchall()[0]
    parts = -(-(rows or 0) // PART_ROWS)
    if parts <= 1:
        return [Where("TRUE", {})] * parts
    shares = {"shares": [number / parts for number in range(1, parts)]}
    found = connection.execute(_BOUNDS.format(chosen=chosen.sql), chosen.parameters | shares).fetchall()
    bounds = [bound for (bound,) in found]
    return [
        Where("session < $below", {"below": bounds[0]}),
        *(
            Where("session >= $above AND session < $below", {"above": above, "below": below})
            for above, below in pairwise(bounds)
        ),
        Where("session >= $above", {"above": bounds[-1]}),
    ]
