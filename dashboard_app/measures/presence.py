"""What a page has to know beside its numbers: whether there are any rows, the newest of all, and the sources."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from dashboard_app.question.conditions import Where
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.rollup.covering import moment

# More sources than this are not offered for choice; the filters take any.
_MAX_SOURCES: Final = 100
_SOURCES: Final = f"""
SELECT DISTINCT source FROM {{relation}} WHERE {{where}} AND source IS NOT NULL
ORDER BY source LIMIT {_MAX_SOURCES}"""  # noqa: S608


def has_rows(rows: Rows, filters: Filters) -> bool:
    """Whether the filters let any row of the range through. Raises duckdb.Error and OSError."""
    if division := rows.divide(filters, filters.range):
        return bool(division.events().any())
    where = filters.where
    return bool(rows.connection.execute(f"SELECT 1 FROM events WHERE {where.sql} LIMIT 1", where.parameters).fetchall())  # noqa: S608


def newest_on(rows: Rows) -> datetime | None:
    """The time of the newest row of all. Raises duckdb.Error and OSError."""
    where = Where("TRUE", {})
    if rows.rolled:
        # Of what is older there is nothing to be read.
        last = max(file.rollup.last for file in rows.rolled.index.rollups.files)
        where = Where("created_on >= $since", {"since": moment(last)})
    sql = f"SELECT max(created_on) FROM events WHERE {where.sql}"  # noqa: S608
    (newest,) = rows.connection.execute(sql, where.parameters).fetchall()[0]
    return newest and newest.replace(tzinfo=UTC)  # type: ignore[no-any-return]


def sources(rows: Rows, filters: Filters) -> tuple[str, ...]:
    """The sources of the range, by name, whatever the other filters. Raises duckdb.Error and OSError."""
    every = replace(filters, source="", conditions=())
    division, where, relation, known = rows.divide(every, every.range), every.where, "events", set[str]()
    if division:
        where, relation = Where("TRUE", {}), division.loose
        known = set(division.rolled.values(division.covered.sources()).values())
    sql = _SOURCES.format(relation=relation, where=where.sql)
    found = rows.connection.execute(sql, where.parameters).fetchall()
    return tuple(sorted(known.union(name for (name,) in found)))[:_MAX_SOURCES]
