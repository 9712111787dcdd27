"""Who did something in a range, in which session and when: from spans, so that not every row need be looked at.

A stretch is a row for each span that has rows in the range. One that lies wholly in it counts as it is kept; of those
that reach over an edge, the rows are read. Where filters choose among the rows, each of these is a stretch of its own.
"""

from typing import Final

import duckdb

from dashboard_app.question.conditions import Where
from dashboard_app.question.filters import DateRange, Filters, naive

_COLUMNS: Final = "person, session, first_on, last_on, events"
_ROWS: Final = """
SELECT person, session, created_on AS first_on, created_on AS last_on, 1 AS events FROM events WHERE {where}"""
_WHOLE: Final = f"""
SELECT {_COLUMNS} FROM spans WHERE first_on >= $start AND last_on < $end
UNION ALL SELECT {_COLUMNS} FROM cut_span"""  # noqa: S608
_CUT_SPAN: Final = f"CREATE OR REPLACE TEMP TABLE cut_span AS SELECT {_COLUMNS} FROM spans WHERE FALSE"  # noqa: S608
_AT_EDGE: Final = """
CREATE OR REPLACE TEMP TABLE at_edge AS SELECT span, first_on, last_on, first_on < $start AS at_start FROM spans
WHERE (first_on < $start AND last_on >= $start) OR (first_on < $end AND last_on >= $end)"""
# Of each edge by itself, so that not all rows of the range need be looked at.
_TIMES: Final = "SELECT at_start, min(first_on), max(last_on) FROM at_edge GROUP BY at_start"
_CUT: Final = """
INSERT INTO cut_span
SELECT any_value(person), any_value(session), min(created_on), max(created_on), count(*)
FROM span_events SEMI JOIN (SELECT span FROM at_edge WHERE at_start = $at_start) USING (span)
WHERE created_on >= $start AND created_on < $end AND created_on >= $since AND created_on <= $until GROUP BY span"""


def stretches(connection: duckdb.DuckDBPyConnection, filters: Filters, date_range: DateRange) -> Where:
    """A query for `person`, `session`, `first_on`, `last_on` and `events` of the rows that pass the filters.

    Uses temporary tables of the connection until it is called again. Raises duckdb.Error.
    """
    if not filters.passes_all:
        where = filters.where_in(date_range)
        return Where(f"({_ROWS.format(where=where.sql)})", where.parameters)
    times = {"start": naive(date_range.start), "end": naive(date_range.end)}
    connection.execute(_CUT_SPAN)
    connection.execute(_AT_EDGE, times)
    for at_start, since, until in connection.execute(_TIMES).fetchall():
        connection.execute(_CUT, {**times, "at_start": at_start, "since": since, "until": until})
    return Where(f"({_WHOLE})", times)


def stretches_ever(filters: Filters) -> Where:
    """The same of all time."""
    if filters.passes_all:
        return Where("spans", {})
    return Where(f"({_ROWS.format(where=filters.matching.sql)})", filters.matching.parameters)
