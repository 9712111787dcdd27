"""The commonest values of columns from the rollups, and from the rows that they do not cover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.conditions import column_sql
from dashboard_app.measures.breakdowns import TOP_VALUES, ValueCount
from dashboard_app.metrics import EVENTS
from dashboard_app.rollup.layout import Numbers, starts_of_runs
from dashboard_app.rollup.number_sets import NumberSet
from dashboard_app.rollup.rolled import Division
from dashboard_app.rollup.tables import NUMBERED

# The columns of the rows that are not covered, one below the other.
_LOOSE: Final = """
SELECT unnest($places) AS place, unnest([{columns}]) AS value, device FROM {loose}"""
_LOOSE_COUNTS: Final = f"""
SELECT counted.place, counted.value, events, coalesce(number, 0)
FROM (SELECT place, value, {EVENTS} AS events FROM ({_LOOSE}) WHERE value IS NOT NULL GROUP BY place, value) AS counted
LEFT JOIN {{values}} AS known USING (place, value)"""  # noqa: S608
_LOOSE_DEVICES: Final = f"""
SELECT DISTINCT place, value, device FROM ({_LOOSE}) JOIN (SELECT unnest($top_places) AS place, unnest($top) AS value)
USING (place, value) WHERE device IS NOT NULL ORDER BY place, value"""  # noqa: S608


@dataclass(slots=True)
class _Column:
    """What is counted of one column: by number, and by text of the values that have no number."""

    counts: Numbers
    others: dict[str, int] = field(default_factory=dict)

    def add(self, value: str, number: int, events: int) -> None:
        """Events of a value among the rows that are not covered; `number` is 0 where it has none."""
        if not number:
            self.others[value] = events
            return
        if number >= len(self.counts):
            self.counts = np.pad(self.counts, (0, number + 1 - len(self.counts)))
        self.counts[number] += events

    def events_of(self, one: "_Top") -> int:
        """How many events had the value."""
        known = int(self.counts[one.number]) if 0 < one.number < len(self.counts) else 0
        return known + self.others.get(one.value, 0)

    @property
    def total(self) -> int:
        """The events of all values."""
        return int(self.counts.sum()) + sum(self.others.values())

    def candidates(self) -> Numbers:
        """The numbers of the commonest values, and of those that are as common as the last of them."""
        found = np.flatnonzero(self.counts)
        if len(found) > TOP_VALUES:
            least = np.partition(self.counts[found], -TOP_VALUES)[-TOP_VALUES]
            found = found[self.counts[found] >= least]
        return found


@dataclass(frozen=True, slots=True)
class _Top:
    """A value of the commonest; `number` is 0 where it has none."""

    value: str
    number: int
    events: int


def measure_rolled_breakdowns(
    division: Division, previous: Division | None, columns: Sequence[str]
) -> dict[str, list[ValueCount]]:
    """What `measure_breakdowns` measures, of columns that are rolled up. Raises duckdb.Error and OSError."""
    counted = _count(division, columns)
    candidates = {name: column.candidates() for name, column in counted.items()}
    texts = division.rolled.values(np.concatenate(list(candidates.values())))
    top = {name: _top(column, candidates[name], texts) for name, column in counted.items()}
    loose = _loose_devices(division, top)
    before = _count(previous, columns) if previous else None
    return {
        name: [
            ValueCount(one.value, one.events, devices, before[name].events_of(one) if before else None)
            for one, devices in zip(top[name], _devices(division, name, top[name], loose[name]), strict=True)
        ]
        for name in columns
    }


def commonest(division: Division, column: str) -> tuple[list[tuple[str, int]], int]:
    """The TOP_VALUES commonest values with their events, and the events of all. Raises duckdb.Error and OSError."""
    counted = _count(division, [column])[column]
    candidates = counted.candidates()
    top = _top(counted, candidates, division.rolled.values(candidates))
    return [(one.value, one.events) for one in top], counted.total


def _count(division: Division, columns: Sequence[str]) -> dict[str, _Column]:
    """The events of all values."""
    counted = {name: _Column(division.covered.events_of_values(name).copy()) for name in columns}
    sql = _LOOSE_COUNTS.format(columns=_listed(columns), loose=division.loose, values=division.rolled.index.values)
    loose = division.rolled.connection.execute(sql, {"places": _places(columns)})
    for place, value, events, number in loose.fetchall():
        counted[NUMBERED[place]].add(value, number, events)
    return counted


def _top(column: _Column, candidates: Numbers, names: Mapping[int, str]) -> list[_Top]:
    found = [_Top(names[number], number, int(column.counts[number])) for number in candidates.tolist()]
    found += [_Top(value, 0, events) for value, events in column.others.items()]
    return sorted(found, key=lambda one: (-one.events, one.value))[:TOP_VALUES]


def _devices(division: Division, column: str, top: Sequence[_Top], loose: Mapping[str, npt.NDArray[Any]]) -> list[int]:
    """How many devices had each of the values."""
    # By number, for their order changes more often than which they are.
    numbers = sorted(one.number for one in top if one.number)
    sets = dict(zip(numbers, division.covered.devices_of_values(column, numbers), strict=True))
    nobody = np.zeros(0, np.uint32)
    return [sets.get(one.number, NumberSet(0, nobody)).count_with(loose.get(one.value, nobody)) for one in top]


def _loose_devices(division: Division, top: Mapping[str, Sequence[_Top]]) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """The devices that had a value of the commonest in rows that are not covered."""
    asked = [(NUMBERED.index(name), one.value) for name, values in top.items() for one in values]
    sql = _LOOSE_DEVICES.format(columns=_listed(list(top)), loose=division.loose)
    parameters = {
        "places": _places(list(top)),
        "top_places": [place for place, _ in asked],
        "top": [value for _, value in asked],
    }
    found = division.rolled.connection.execute(sql, parameters).fetchnumpy()
    places, values, devices = (np.asarray(found[name]) for name in ("place", "value", "device"))
    first = starts_of_runs(places, values)
    devices_of: dict[str, dict[str, npt.NDArray[Any]]] = {name: {} for name in top}
    for at, some in zip(first, np.split(devices, first[1:]), strict=bool(len(first))):
        devices_of[NUMBERED[places[at]]][values[at]] = some
    return devices_of


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(column_sql(column) for column in columns)


def _places(columns: Sequence[str]) -> list[int]:
    return [NUMBERED.index(column) for column in columns]
