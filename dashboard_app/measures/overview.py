"""The numbers of the overview."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from dashboard_app.measures.breakdowns import ValueCount, measure_breakdowns
from dashboard_app.measures.periods import Counts, Period, measure_period
from dashboard_app.measures.rolled_breakdowns import measure_rolled_breakdowns
from dashboard_app.measures.rolled_periods import measure_rolled_period
from dashboard_app.measures.types_drawn import measure_rolled_types, measure_types
from dashboard_app.metrics import PAYMENTS
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.conditions import Where
from dashboard_app.question.filters import DateRange, Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.rollup.covering import moment
from dashboard_app.rollup.layout import ROLLED_UP

DRAWN_TYPES: Final = 6
DRAWN_CURRENCIES: Final = 5
NEWEST: Final = 10
# What the events are broken down by, in the order of the page.
BROKEN_DOWN: Final = ROLLED_UP

_NEWEST: Final = f"""
SELECT created_on, event_type, coalesce(user_id, device_id), user_id IS NOT NULL, page_path, platform, country,
       revenue, currency
FROM {{relation}} WHERE {{where}} ORDER BY created_on DESC, _partition DESC, _offset DESC LIMIT {NEWEST}"""  # noqa: S608

_COMMONEST: Final = f"""
SELECT currency FROM amounts WHERE {{where}}
GROUP BY currency ORDER BY {PAYMENTS} DESC, currency NULLS LAST LIMIT {DRAWN_CURRENCIES}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class NewestEvent:
    """One row of the table of newest events. `who` is the user (`is_user`), else the device."""

    created_on: datetime
    event_type: str
    who: str
    is_user: bool
    page_path: str | None
    platform: str | None
    country: str | None
    revenue: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows. `drawn` holds the events per bucket of the commonest types.

    `before` has the headline numbers of the period before, `previous` its buckets as well where it is compared with.
    `currencies` are those with the most payments, None for no currency: of as many the revenue is drawn.
    """

    current: Period
    before: Counts | None
    previous: Period | None
    breakdowns: dict[str, list[ValueCount]]
    drawn: dict[str, list[int]]
    currencies: frozenset[str | None]
    newest: list[NewestEvent]


def measure_overview(rows: Rows, filters: Filters) -> Overview:
    """Count the rows; by the rollups as far as those go. Raises duckdb.Error and OSError."""
    before = _period(rows, filters, filters.before, filters.before_buckets) if filters.before else None
    breakdowns = _breakdowns(rows, filters)
    types = [row.value for row in breakdowns["event_type"][:DRAWN_TYPES]]
    current = _period(rows, filters, filters.range, filters.buckets)
    return Overview(
        current=current,
        before=before.total if before else None,
        previous=before if filters.compare else None,
        breakdowns=breakdowns,
        drawn=_drawn(rows, filters, types),
        currencies=_currencies(rows, filters, current),
        newest=_newest(rows, filters),
    )


def _period(rows: Rows, filters: Filters, asked: DateRange, buckets: Sequence[Bucket]) -> Period:
    if division := rows.divide(filters, asked, buckets):
        return measure_rolled_period(division)
    return measure_period(rows.connection, filters.where_in(asked), buckets)


def _breakdowns(rows: Rows, filters: Filters) -> dict[str, list[ValueCount]]:
    division = rows.divide(filters, filters.range)
    previous = rows.divide(filters, filters.previous) if filters.previous else None
    if division and (previous or not filters.previous):
        return measure_rolled_breakdowns(division, previous, BROKEN_DOWN)
    return measure_breakdowns(rows.connection, filters, BROKEN_DOWN)


def _drawn(rows: Rows, filters: Filters, types: Sequence[str]) -> dict[str, list[int]]:
    if division := rows.divide(filters, filters.range, filters.buckets):
        return measure_rolled_types(division, types)
    return measure_types(rows.connection, filters.where, filters.buckets, types)


def _currencies(rows: Rows, filters: Filters, current: Period) -> frozenset[str | None]:
    """Payments are counted only where they decide."""
    if len(current.total.revenue) <= DRAWN_CURRENCIES:
        return frozenset(current.total.revenue)
    where = filters.where
    found = rows.connection.execute(_COMMONEST.format(where=where.sql), where.parameters).fetchall()
    return frozenset(currency for (currency,) in found)


def _newest(rows: Rows, filters: Filters) -> list[NewestEvent]:
    relation, where = "events", filters.where
    if division := rows.divide(filters, filters.range):
        # Of what is older there is nothing to be read.
        since = division.newest(NEWEST)
        relation = f"({division.rolled.rows_since(since)})"
        where &= Where("created_on >= $since", {"since": moment(since)})
    sql = _NEWEST.format(relation=relation, where=where.sql)
    found = rows.connection.execute(sql, where.parameters).fetchall()
    return [NewestEvent(row[0].replace(tzinfo=UTC), *row[1:]) for row in found]
