"""The events of each value of a column, put together from what has numbers in the index and what has not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dashboard_app.measures.breakdowns import TOP_VALUES
from dashboard_app.measures.commonest import commonest
from dashboard_app.rollup.layout import Numbers


@dataclass(frozen=True, slots=True)
class CountedValue:
    """A value of the commonest; `number` is 0 where it has none."""

    value: str
    number: int
    events: int


@dataclass(slots=True)
class ValueCounts:
    """What is counted of one column: by number, and by text of the values that have no number."""

    counts: Numbers
    others: dict[str, int] = field(default_factory=dict)

    def add(self, value: str, number: int, events: int) -> None:
        """Events of a value beside those that were counted by number; `number` is 0 where it has none."""
        if not number:
            self.others[value] = events
            return
        if number >= len(self.counts):
            self.counts = np.pad(self.counts, (0, number + 1 - len(self.counts)))
        self.counts[number] += events

    def events_of(self, one: CountedValue) -> int:
        """How many events had the value."""
        known = int(self.counts[one.number]) if 0 < one.number < len(self.counts) else 0
        return known + self.others.get(one.value, 0)

    def candidates(self) -> Numbers:
        """The numbers of the commonest values, and of those that are as common as the last of them."""
        return commonest(self.counts, TOP_VALUES)

    def commonest(self, candidates: Numbers, names: Mapping[int, str]) -> list[CountedValue]:
        """The commonest values, by events, then by name; `names` has those of the candidates."""
        found = [CountedValue(names[number], number, int(self.counts[number])) for number in candidates.tolist()]
        found += [CountedValue(value, 0, events) for value, events in self.others.items()]
        return sorted(found, key=lambda one: (-one.events, one.value))[:TOP_VALUES]
