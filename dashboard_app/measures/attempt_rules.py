"""Which attempt of a person counts, in plain Python: for want of a compiled library, and to hold that against."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

from brokerlytics.native.attempts import NEVER, Counted, Rules
from brokerlytics.native.division import Batch

# When the steps were reached, and partition and offset of the row of the first.
_Attempt = tuple[tuple[int, ...], tuple[int, int]]


@dataclass(slots=True)
class _Person:
    """`open` has for each step reached the latest attempt that has come no further, if there is one."""

    counted: _Attempt
    open: dict[int, _Attempt] = field(default_factory=dict)


class PlainAttempts:
    """Follows rows as NativeAttempts does."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._people: dict[int, _Person] = {}

    def follow(self, batches: Iterable[Batch]) -> None:
        """Follow these rows, in whatever order; all have partition and offset, and are later than those before."""
        given = [[column.tolist() for column in batch if column is not None] for batch in batches]
        rows = [row for columns in given for row in zip(*columns, strict=True)]
        # By (at, partition, offset).
        for at, person, steps, partition, offset in sorted(rows, key=itemgetter(0, 3, 4)):
            self._row(person, at, (partition, offset), steps)

    def counted(self) -> Counted:
        """What counts after the rows that were followed."""
        attempts = [person.counted for person in self._people.values()]
        times = [reached + (NEVER,) * (self._rules.steps - len(reached)) for reached, _ in attempts]
        counted = Counted(
            np.array(list(self._people), np.int64),
            np.array([len(reached) for reached, _ in attempts], np.int64),
            np.array(times, np.int64).reshape(-1, self._rules.steps),
        )
        if not self._rules.keeps_places:
            return counted
        places = np.array([place for _, place in attempts], np.int64).reshape(-1, 2)
        return counted._replace(partition=places[:, 0], offset=places[:, 1])

    def _row(self, number: int, at: int, place: tuple[int, int], steps: int) -> None:
        person = self._people.get(number)
        if person:
            # From high steps to low, so that no row serves two of one attempt.
            for step in range(self._rules.steps, 1, -1):
                if steps >> (step - 1) & 1:
                    self._go_on(person, step, at)
        if steps & 1 and at < self._rules.end:
            attempt = ((at,), place)
            if person is None:
                person = self._people[number] = _Person(attempt)
            person.open[1] = attempt

    def _go_on(self, person: _Person, step: int, at: int) -> None:
        before = person.open.pop(step - 1, None)
        if before and at - before[0][0] <= self._rules.window:
            attempt = ((*before[0], at), before[1])
            person.open[step] = attempt
            if step > len(person.counted[0]):
                person.counted = attempt
