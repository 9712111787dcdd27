"""What the dashboard has to show of the events that were sent: the expected truth, by the words of docs/metrics.md.

In memory is a little of each device and person, and nothing of an event. A device that was signed in on once belongs to
its user, with all that it did before; the devices of a person who signed in on both are one person, on none or one of
them two.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from analytics_app.simulation.event_parts import EventParts
from analytics_app.simulation.journeys import FIRST_OF_SESSION, HAS_SESSION, SECOND_DEVICE, SIGNED_IN, SimEvent
from analytics_app.simulation.local_days import LocalDays
from analytics_app.simulation.progress import Progress
from analytics_app.simulation.scenario import Scenario

# Without a session_id a session ends with more silence than this (milliseconds).
_SILENCE: Final = 30 * 60_000
_MICROS: Final = Decimal(1_000_000)


class Figures(NamedTuple):
    """The truth in plain values. Days are local dates, such as 2026-08-22; money is exact."""

    events: int
    by_type: dict[str, int]
    unique_people: int
    unique_devices: int
    people_by_day: dict[str, int]
    devices_by_day: dict[str, int]
    sessions: int
    revenue: dict[str, Decimal]
    funnel: list[tuple[str, int]]
    cohorts: dict[str, int]


class _Device:
    """`days` has a bit for each day with an event, `flags` those of all its events.

    `progress` is how far it got in the funnel, `last` the time of its last event without a session_id.
    """

    __slots__ = ("days", "flags", "last", "newest_day", "progress")

    def __init__(self) -> None:
        self.days = 0
        self.newest_day = -1
        self.last = -_SILENCE
        self.flags = 0
        self.progress: Progress | None = None


class Truth:
    """Counts the events of `scenario`; days are those of `timezone`."""

    def __init__(self, scenario: Scenario, timezone: str) -> None:
        self._scenario = scenario
        self._types = EventParts(scenario).types
        self._days = LocalDays(timezone)
        self._by_type: Counter[int] = Counter()
        self._revenue: Counter[int] = Counter()
        self._sessions = 0
        # First devices have even numbers, the second ones of the same people the odd ones after them.
        self._devices: dict[int, _Device] = {}
        # Of people with two devices, for both of them together.
        self._together: dict[int, Progress] = {}
        self._within = int(scenario.funnel.within * 1000)
        steps = scenario.funnel.steps
        self._steps = {at: steps.index(name) for at, name in enumerate(self._types) if name in steps}

    @property
    def events(self) -> int:
        return self._by_type.total()

    def add(self, created: list[int], events: list[SimEvent]) -> None:
        """Count events that happened at these times, in their order."""
        devices, day_of, steps = self._devices, self._days.number, self._steps
        self._by_type.update([event[3] for event in events])
        for time, (_, person, flags, kind, currency, micros, _, _, _) in zip(created, events, strict=True):
            number = person << 1 | flags & SECOND_DEVICE
            device = devices.get(number) or devices.setdefault(number, _Device())
            if (day := day_of(time)) != device.newest_day:
                device.newest_day = day
                device.days |= 1 << day
            device.flags |= flags
            if flags & FIRST_OF_SESSION or not flags & HAS_SESSION:
                self._sessions += self._begins_session(device, flags, time)
            if currency >= 0:
                self._revenue[currency] += micros
            if kind in steps:
                self._step(device, number, steps[kind], time)

    def figures(self) -> Figures:
        people = [days for days, _ in self._people()]
        names = self._days.names
        return Figures(
            events=self.events,
            by_type={self._types[kind]: number for kind, number in sorted(self._by_type.items())},
            unique_people=len(people),
            unique_devices=len(self._devices),
            people_by_day=_by_day(people, names),
            devices_by_day=_by_day([device.days for device in self._devices.values()], names),
            sessions=self._sessions,
            revenue={
                self._scenario.currencies[currency].code: micros / _MICROS
                for currency, micros in sorted(self._revenue.items())
            },
            funnel=self._funnel(),
            cohorts=_cohorts(people, names),
        )

    def _begins_session(self, device: _Device, flags: int, time: int) -> bool:
        if flags & HAS_SESSION:
            return True
        last, device.last = device.last, time
        return time - last > _SILENCE

    def _step(self, device: _Device, number: int, step: int, time: int) -> None:
        if device.progress is None:
            device.progress = Progress(len(self._scenario.funnel.steps))
        device.progress.take(step, time, self._within)
        person = number >> 1
        together = self._together.get(person)
        if together is None and number & 1:
            # The first device's part is taken over with the first step of the second device.
            first = self._devices.get(person << 1)
            together = first.progress.copy() if first and first.progress else Progress(len(self._scenario.funnel.steps))
            self._together[person] = together
        if together is not None:
            together.take(step, time, self._within)

    def _people(self) -> Iterator[tuple[int, int]]:
        """Of each person the days and the number of funnel steps."""
        for number, device in self._devices.items():
            other = self._devices.get(number ^ 1)
            if other is not None and device.flags & other.flags & SIGNED_IN:
                if number & 1:
                    continue
                together = self._together.get(number >> 1) or device.progress
                yield device.days | other.days, together.reached if together else 0
            else:
                yield device.days, device.progress.reached if device.progress else 0

    def _funnel(self) -> list[tuple[str, int]]:
        reached = Counter(steps for _, steps in self._people())
        steps = self._scenario.funnel.steps
        return [(name, sum(number for far, number in reached.items() if far > at)) for at, name in enumerate(steps)]


def _by_day(masks: list[int], names: list[str]) -> dict[str, int]:
    return {name: found for day, name in enumerate(names) if (found := sum(mask >> day & 1 for mask in masks))}


def _cohorts(masks: list[int], names: list[str]) -> dict[str, int]:
    """By the first day of each person."""
    first = Counter((mask & -mask).bit_length() - 1 for mask in masks)
    return {names[day]: first[day] for day in sorted(first)}
