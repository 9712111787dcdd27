"""The commonest values of columns from the rollups, and from the rows that they do not cover."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.measures.breakdowns import ValueCount
from dashboard_app.measures.value_counts import CountedValue, ValueCounts
from dashboard_app.metrics import EVENTS
from dashboard_app.question.conditions import column_sql
from dashboard_app.rollup.layout import starts_of_runs
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


def measure_rolled_breakdowns(
    division: Division, previous: Division | None, columns: Sequence[str]
) -> dict[str, list[ValueCount]]:
    """What `measure_breakdowns` measures, of columns that are rolled up. Raises duckdb.Error and OSError."""
    counted = _count(division, columns)
    candidates = {name: column.candidates() for name, column in counted.items()}
    texts = division.rolled.values(np.concatenate(list(candidates.values())))
    top = {name: column.commonest(candidates[name], texts) for name, column in counted.items()}
    loose = _loose_devices(division, top)
    before = _count(previous, columns) if previous else None
    return {
        name: [
            ValueCount(one.value, one.events, devices, before[name].events_of(one) if before else None)
            for one, devices in zip(top[name], _devices(division, name, top[name], loose[name]), strict=True)
        ]
        for name in columns
    }


def _count(division: Division, columns: Sequence[str]) -> dict[str, ValueCounts]:
    """The events of all values."""
    counted = {name: ValueCounts(division.covered.events_of_values(name).copy()) for name in columns}
    sql = _LOOSE_COUNTS.format(columns=_listed(columns), loose=division.loose, values=division.rolled.index.values)
    loose = division.rolled.connection.execute(sql, {"places": _places(columns)})
    for place, value, events, number in loose.fetchall():
        counted[NUMBERED[place]].add(value, number, events)
    return counted


def _devices(
    division: Division, column: str, top: Sequence[CountedValue], loose: Mapping[str, npt.NDArray[Any]]
) -> list[int]:
    """How many devices had each of the values."""
    # By number, for their order changes more often than which they are.
    numbers = sorted(one.number for one in top if one.number)
    sets = dict(zip(numbers, division.covered.devices_of_values(column, numbers), strict=True))
    nobody = np.zeros(0, np.uint32)
    return [sets.get(one.number, NumberSet(0, nobody)).count_with(loose.get(one.value, nobody)) for one in top]


def _loose_devices(
    division: Division, top: Mapping[str, Sequence[CountedValue]]
) -> dict[str, dict[str, npt.NDArray[Any]]]:
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
