"""What Explore counts from the sequences of the index, together with the rows that are in no index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from brokerlytics.native.groups import MOST_GROUPS, Coded, Groups, Numbered
from dashboard_app.measures.explore_groups import ALL, Pair, Period, Places, events_of
from dashboard_app.measures.stored_groups import Grouping, StoredGroups, counts_for
from dashboard_app.measures.value_counts import ValueCounts
from dashboard_app.metrics import EVENTS
from dashboard_app.question.bucketing import bucket_sql
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.conditions import column_sql
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.rollup.layout import Numbers, starts_of_runs
from dashboard_app.rollup.tables import NUMBERED
from dashboard_app.sequence.different import Part, count_all_different

_EACH_GROUP: Final = Groups((1 << np.arange(MOST_GROUPS)).astype(np.uint16))
# The measures that are counted so, with the number of who did it for the rows that are in no index.
STORED: Final = {"events": "", "devices": "named.who", "users": "named.who", "persons": "person"}
_NAMED: Final = "LEFT JOIN base_name AS named ON named.is_user = {is_user} AND named.id = {column}"
_JOINS: Final = {
    "devices": _NAMED.format(is_user="FALSE", column="device_id"),
    "users": _NAMED.format(is_user="TRUE", column="user_id"),
    "persons": "",
}
_VALUES: Final = f"""
SELECT counted.value, events, coalesce(number, 0)
FROM (SELECT {{value}} AS value, {EVENTS} AS events FROM recent WHERE {{where}} GROUP BY value) AS counted
LEFT JOIN {{values}} AS known ON known.place = $place AND known.value = counted.value"""  # noqa: S608
_DIFFERENT: Final = """
SELECT DISTINCT {bucket} AS bucket, {place} AS place, coalesce({number}, 0)::INTEGER AS number
FROM recent {join} WHERE {where} ORDER BY bucket"""


def stored_groups(rows: Rows, filters: Filters, pairs: Sequence[Pair], by: str) -> StoredGroups | None:
    """The events of these pairs in the index; None without one, with conditions, and by what has no numbers there.

    Raises duckdb.Error.
    """
    rolled = rows.rolled
    if not rolled or filters.conditions or (by and by not in NUMBERED):
        return None
    names = {pair.event for pair in pairs}
    types = None if "" in names else tuple(rolled.numbers("event_type", sorted(names)).values())
    return StoredGroups(rolled, types, rolled.source(filters.source), by)


def stored_top(stored: StoredGroups, filters: Filters, pairs: Sequence[Pair], count: int) -> list[str | None]:
    """The commonest values, by events, then by name; None for rows without one. Raises duckdb.Error and OSError."""
    rolled, where = stored.rolled, filters.where & events_of(pairs)
    counts = stored.events_of_values(Bucket(filters.range.start, filters.range.end, whole=True))
    missing, counts[0] = int(counts[0]), 0
    counted = ValueCounts(counts)
    sql = _VALUES.format(value=column_sql(stored.by), where=where.sql, values=rolled.index.values)
    parameters = {**where.parameters, "place": NUMBERED.index(stored.by)}
    for value, events, number in rolled.connection.execute(sql, parameters).fetchall():
        if value is None:
            missing += events
        else:
            counted.add(value, number, events)
    candidates = counted.candidates()
    found: list[tuple[str | None, int]] = [
        (one.value, one.events) for one in counted.commonest(candidates, rolled.values(candidates))
    ]
    if missing:
        found.append((None, missing))
    found.sort(key=lambda one: (-one[1], one[0] is None, one[0] or ""))
    return [value for value, _ in found[:count]]


def stored_events(stored: StoredGroups, buckets: Sequence[Bucket], places: Places) -> dict[int, Numbers]:
    """The events of each bucket in the index, by place. Raises duckdb.Error and OSError."""
    events = stored.events(buckets, _grouping(stored, places), len(places.order))
    return dict(zip(places.order, events.T, strict=True))


def measure_different(
    stored: StoredGroups, filters: Filters, period: Period, places: Places, pair: Pair
) -> dict[int, dict[int | None, Any]]:
    """How many devices, users or persons there are in each bucket, and in all for None; by places that have any row.

    Raises duckdb.Error and OSError.
    """
    buckets, rolled = period[1], stored.rolled
    recent = _recent(stored, filters, period, places, pair)
    parts = [*stored.parts(buckets, _grouping(stored, places), pair.measure), *recent.parts()]
    persons = rolled.index.sequences.persons
    # What came since has higher numbers than all that is in the index.
    limit = max(len(persons), 1 + int(persons.max()), 1 + int(recent.numbers.max(initial=0)))
    counts = counts_for(rolled, pair.measure, limit)
    found = count_all_different(sorted(parts, key=attrgetter("bucket")), len(buckets), counts)
    return {
        place: {None: int(found.total[group]), **dict(enumerate(found.buckets[:, group].tolist()))}
        for group, place in enumerate(places.order)
        if found.present >> group & 1
    }


@dataclass(frozen=True, slots=True)
class _Recent:
    """Rows that are in no index, in the order of their buckets: each number once for a bucket and group."""

    buckets: npt.NDArray[Any]
    groups: npt.NDArray[np.uint8]
    numbers: npt.NDArray[np.int32]

    def parts(self) -> Iterator[Part]:
        first = starts_of_runs(self.buckets)
        for begin, end in pairwise([*first.tolist(), len(self.buckets)]):
            yield Part(int(self.buckets[begin]), end - begin, partial(self._loaded, begin, end))

    def _loaded(self, begin: int, end: int) -> Numbered:
        return Numbered(Coded(self.groups[begin:end]), self.numbers[begin:end], _EACH_GROUP)


def _recent(stored: StoredGroups, filters: Filters, period: Period, places: Places, pair: Pair) -> _Recent:
    where = filters.where_in(period[0]) & events_of([pair])
    names = {"number": STORED[pair.measure], "join": _JOINS[pair.measure]}
    sql = _DIFFERENT.format(bucket=bucket_sql(period[1]), place=places.sql, where=where.sql, **names)
    found = stored.rolled.connection.execute(sql, {**where.parameters, **places.parameters}).fetchnumpy()
    of_places = np.zeros(max(places.order) + 1 - ALL, np.uint8)
    of_places[np.array(places.order) - ALL] = np.arange(len(places.order))
    groups = of_places[np.asarray(found["place"]) - ALL]
    return _Recent(np.asarray(found["bucket"]), groups, np.ascontiguousarray(found["number"]))


def _grouping(stored: StoredGroups, places: Places) -> Grouping:
    return places.grouping(stored.rolled.numbers(stored.by, places.names) if stored.by else {})
