"""What may be asked of Explore, and the groups that its answers have. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboard_app.question.buckets import Bucket
from dashboard_app.question.conditions import Where, column_sql
from dashboard_app.question.filters import DateRange

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
        self.by = asked.by
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

    @property
    def order(self) -> list[int]:
        """The places of all groups that there may be."""
        if not self._value:
            return [ALL]
        return [*range(1, len(self.names) + 1), *([MISSING] if self._has_missing else []), OTHER]

    def grouping(self, known: Mapping[str, int]) -> Callable[[npt.NDArray[np.uint32]], npt.NDArray[np.int64]]:
        """For values by number, 0 where there is none, which in `order` theirs are; `known` are those of `names`."""

        def group(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
            groups = np.full(len(values), len(self.order) - 1, np.int64)
            for place, name in enumerate(self.names):
                if name in known:
                    groups[values == known[name]] = place
            if self._has_missing:
                groups[values == 0] = len(self.names)
            return groups

        return group

    def empty_groups(self, pair: Pair) -> dict[int, Group]:
        if not self._value:
            return {ALL: Group(pair, is_all=True)}
        groups = {rank: Group(pair, value) for rank, value in enumerate(self.names, 1)}
        missing = {MISSING: Group(pair)} if self._has_missing else {}
        return {**groups, **missing, OTHER: Group(pair, is_other=True)}


def events_of(pairs: Sequence[Pair]) -> Where:
    """The rows of any of the pairs' events."""
    names = sorted({pair.event for pair in pairs})
    if "" in names:
        return Where("TRUE", {})
    # One alone is looked for where the rows are read, in half of the time.
    sql = "event_type = $events[1]" if len(names) == 1 else "list_contains($events, event_type)"
    return Where(sql, {"events": names})
