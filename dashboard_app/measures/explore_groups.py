"""What may be asked of Explore, and the groups that its answers have. Pure but for what rollups are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard_app.buckets import Bucket
from dashboard_app.conditions import column_sql
from dashboard_app.filters import DateRange, Filters
from dashboard_app.measures.rolled_explore import goes_into_slots, is_rolled_up, rolled_events, rolled_events_of
from dashboard_app.rollup.layout import Numbers
from dashboard_app.rollup.rolled import Division
from dashboard_app.rows import Rows

# Places of groups that are no value of the top.
OTHER, MISSING, ALL = 0, -1, -2
Period = tuple[DateRange, Sequence[Bucket]]


@dataclass(frozen=True, slots=True)
class Pair:
    """An event (empty for all) and what is measured of it; `number` is the column or property of numeric measures."""

    event: str = ""
    measure: str = "events"
    number: str = ""


@dataclass(frozen=True, slots=True)
class Explored:
    """What is asked: at most one breakdown, of which the `top` values have series of their own."""

    pairs: tuple[Pair, ...]
    by: str = ""
    top: int = 5
    view: str = "line"


@dataclass(slots=True)
class Group:
    """The numbers of one pair and one value: per bucket, and of the whole range (never the sum of the buckets).

    `value` is None for rows without one; `is_other` is every value beyond the top, `is_all` no breakdown at all.
    A number is None where there is nothing to measure.
    """

    pair: Pair
    value: str | None = None
    is_other: bool = False
    is_all: bool = False
    total: Any = None
    values: list[Any] = field(default_factory=list)
    previous_total: Any = None
    previous: list[Any] | None = None


class Places:
    """Numbers the groups of a breakdown in SQL: the commonest values by their rank, the others all alike.

    So the values beyond the top are one group of rows, whose uniques are counted and never summed.
    """

    def __init__(self, asked: Explored, top: Sequence[str | None]) -> None:
        self.names = [value for value in top if value is not None]
        self._has_missing = None in top
        self._by = asked.by
        self._value = f"({column_sql(asked.by)})::VARCHAR" if asked.by else ""

    @property
    def sql(self) -> str:
        if not self._value:
            return str(ALL)
        rank = f"coalesce(list_position($top::VARCHAR[], {self._value}), {OTHER})"
        return f"CASE WHEN {self._value} IS NULL THEN {MISSING if self._has_missing else OTHER} ELSE {rank} END"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"top": self.names} if self._value else {}

    def division(self, rows: Rows, filters: Filters, period: Period, pair: Pair) -> Division | None:
        """The rows of a period, divided into what rollups have of the pair and the rest; None where that is nothing."""
        if not is_rolled_up(pair.event, pair.measure, self._by):
            return None
        division = rows.divide(filters, *period)
        return division if division and goes_into_slots(division, self._by) else None

    def covered_events(self, division: Division, pair: Pair) -> dict[int, Numbers]:
        """The events of each bucket that the rollups have, by place."""
        if not self._by:
            return {ALL: rolled_events(division, pair.event)}
        named, others, missing = rolled_events_of(division, self._by, self.names)
        if self._has_missing:
            return {**dict(enumerate(named, 1)), MISSING: missing, OTHER: others}
        return {**dict(enumerate(named, 1)), OTHER: others + missing}

    def empty_groups(self, pair: Pair) -> dict[int, Group]:
        if not self._value:
            return {ALL: Group(pair, is_all=True)}
        groups = {rank: Group(pair, value) for rank, value in enumerate(self.names, 1)}
        missing = {MISSING: Group(pair)} if self._has_missing else {}
        return {**groups, **missing, OTHER: Group(pair, is_other=True)}
