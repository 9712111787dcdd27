"""What the rollups have of some slots and one source: each count and set is made once, until the index changes."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dashboard_app.rollup.covering import Cover
from dashboard_app.rollup.kept import Kept, ResultT
from dashboard_app.rollup.layout import EVERY_ROW, SPANS, Numbers
from dashboard_app.rollup.number_sets import NumberSet, SetMaker, different, number_set, packed
from dashboard_app.rollup.reading import Chosen, Rollups, events_by

Sets = tuple[NumberSet, ...]


@dataclass(frozen=True)
class Covered:
    """The groups of a cover of so many `buckets`, of one `source` if that is no None; `limit` is above all devices.

    What is returned is kept, and must not be changed.
    """

    rollups: Rollups
    cover: Cover
    source: int | None
    buckets: int
    limit: int
    kept: Kept
    _chosen: dict[str, Chosen] = field(default_factory=dict)

    def events_of_values(self, part: str) -> Numbers:
        """The events of each value of a column, by its number."""

        def count() -> Numbers:
            chosen = self._choose(part)
            return events_by(chosen.groups["value"].astype(np.int64), chosen, 0)

        return self._keep(("values", part), count, _size)

    def events_by_bucket(self, part: str, values: Sequence[int]) -> Numbers:
        """A row for each of the values, with its events of each bucket."""

        def count() -> Numbers:
            chosen = self._choose(part)
            cells = _ranks(chosen, values)[chosen.groups["value"]] * self.buckets + chosen.buckets
            return events_by(cells, chosen, (len(values) + 1) * self.buckets).reshape(-1, self.buckets)[:-1]

        return self._keep(("buckets", part, tuple(values)), count, _size)

    def sources(self) -> Numbers:
        """The sources that have any rows."""

        def find() -> Numbers:
            found = different(self._choose(EVERY_ROW).groups["source"])
            return found[found > 0]

        return self._keep("sources", find, _size)

    def devices_of_values(self, part: str, values: Sequence[int]) -> Sets:
        """The devices that had each of the values."""

        def make() -> Sets:
            chosen, maker = self._choose(part), SetMaker(self.limit)
            keys = _ranks(chosen, values)[chosen.groups["value"]]
            keys[keys == len(values)] = -1
            pieces = self.rollups.members(chosen, keys, len(values))
            return tuple(maker.make([members for _, members in some]) for some in pieces)

        return self._keep(("devices", part, tuple(values)), make, _size_of_all)

    def devices_by_bucket(self) -> tuple[Sets, NumberSet]:
        """The devices of each bucket, and of all."""

        def make() -> Sets:
            chosen, maker = self._choose(EVERY_ROW), SetMaker(self.limit)
            pieces = self.rollups.members(chosen, chosen.buckets, self.buckets)
            return (*(maker.make([members for _, members in some]) for some in pieces), maker.everything())

        *sets, everything = self._keep("devices of buckets", make, _size_of_all)
        return tuple(sets), everything

    def sessions_by_bucket(self, sessions: Callable[[int], Numbers], version: int) -> tuple[Sets, NumberSet]:
        """The sessions of each bucket, and those of all.

        `sessions` gives those of a file's spans; `version` is another whenever they are.
        """

        def make() -> Sets:
            chosen, sets = self._choose(SPANS), list[NumberSet]()
            everything = np.zeros(self.rollups.span_limit, bool)
            for pieces in self.rollups.members(chosen, chosen.buckets, self.buckets):
                found = np.concatenate([np.zeros(0, np.int64), *(sessions(file)[places] for file, places in pieces)])
                everything[found] = True
                sets.append(number_set(found))
            return (*sets, packed(everything))

        *sets, everything = self._keep(("sessions", version), make, _size_of_all)
        return tuple(sets), everything

    def _choose(self, part: str) -> Chosen:
        if part not in self._chosen:
            self._chosen[part] = self.rollups.choose(part, self.cover, self.source)
        return self._chosen[part]

    def _keep(self, what: Hashable, make: Callable[[], ResultT], size: Callable[[ResultT], int]) -> ResultT:
        return self.kept.get((self.cover.key, self.source, what), make, size)


def _ranks(chosen: Chosen, values: Sequence[int]) -> Numbers:
    """For each number of a value its place among `values`, or else their number."""
    ranks = np.full(max(int(chosen.groups["value"].max(initial=0)), *values, 0) + 1, len(values))
    for rank, number in enumerate(values):
        if number:
            ranks[number] = rank
    return ranks


def _size(numbers: Numbers) -> int:
    return numbers.nbytes


def _size_of_all(sets: Sets) -> int:
    return sum(some.nbytes for some in sets)
