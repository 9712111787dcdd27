"""All people of a simulation, or a share of them, as one stream of events in the order of time.

What a person does depends on (scenario, seed, start, person) alone, so that shares may be made by different processes.
In memory is a little of each person, and the events of the sessions that are under way.
"""

from bisect import bisect_left
from heapq import heapify, heappop, heappush, heapreplace
from math import log
from random import Random
from typing import Final, NamedTuple

from analytics_app.simulation.activity import Activity
from analytics_app.simulation.journeys import Journeys, SimEvent
from analytics_app.simulation.people import People, Person
from analytics_app.simulation.scenario import Scenario
from analytics_app.simulation.seeding import Purpose, seed_for

# Between two sessions of a person, in milliseconds.
_LEAST_GAP: Final = 60_000
# Growth ends when so many times as many people join as on the first day.
_MOST_GROWTH: Final = 30.0


class Share(NamedTuple):
    """The people whose number, divided by `of`, leaves `rest`."""

    rest: int = 0
    of: int = 1


_EVERYBODY: Final = Share()


class _Due(NamedTuple):
    """The next session of a person."""

    time: int
    number: int
    person: Person
    session: int
    signed_in: int


class Crowd:
    """`start`: milliseconds since 1970, before which nothing happens."""

    def __init__(self, scenario: Scenario, seed: int, start: int, share: Share = _EVERYBODY) -> None:
        self._scenario = scenario
        self._activity = Activity(scenario.rhythm, start)
        self._opening = self._activity.at(start)
        self._people = People(scenario, seed)
        self._journeys = Journeys(scenario, seed, self._people)
        self._seed = seed
        self._share = share
        self._rng = Random()  # noqa: S311 (made-up people, no secrets)
        self._later: list[SimEvent] = []
        initial = scenario.people.initial
        self._due = [self._first_session(number) for number in range(share.rest, initial, share.of)]
        heapify(self._due)
        # The first number of this share that is not an initial one.
        self._joiner = initial + (share.rest - initial) % share.of
        self._joins = self._join_time(self._joiner)

    @property
    def is_gone(self) -> bool:
        """Everybody has left, and nobody joins any more."""
        return not self._due and not self._later and self._joins == _NEVER

    def until(self, end: int) -> list[SimEvent]:
        """The next events before `end`, in order. Call it with ever later ends."""
        events, due = self._later, self._due
        while True:
            while self._joins < end and (not due or self._joins <= due[0].time):
                self._join()
            if not due or due[0].time >= end:
                break
            events += self._visit()
        events.sort()
        cut = bisect_left(events, end, key=_time)
        self._later = events[cut:]
        return events[:cut]

    def _visit(self) -> list[SimEvent]:
        now = self._due[0]
        visit, rng = self._journeys.visit(now.person, now.session, now.time, now.signed_in)
        if rng.random() < self._scenario.people.churn:
            heappop(self._due)
        else:
            gap = rng.expovariate(now.person.sessions_per_day)
            time = self._activity.when(self._activity.at(visit.end + _LEAST_GAP) + gap)
            heapreplace(self._due, now._replace(time=time, session=now.session + 1, signed_in=visit.signed_in))
        return visit.events

    def _first_session(self, number: int) -> _Due:
        person = self._people.person(number)
        self._rng.seed(seed_for(self._seed, Purpose.COMING, number))
        reading = self._opening + self._rng.expovariate(person.sessions_per_day)
        return _Due(self._activity.when(reading), number, person, 0, 3 if person.known else 0)

    def _join(self) -> None:
        number = self._joiner
        heappush(self._due, _Due(self._joins, number, self._people.person(number), 0, 0))
        self._joiner += self._share.of
        self._joins = self._join_time(self._joiner)

    def _join_time(self, number: int) -> int:
        """Later for every higher number."""
        people = self._scenario.people
        if not people.new_per_day:
            return _NEVER
        self._rng.seed(seed_for(self._seed, Purpose.COMING, number))
        days = (number - people.initial + self._rng.random()) / people.new_per_day
        return self._activity.when(self._opening + _grown(days, people.growth))


def _grown(days: float, growth: float) -> float:
    """The day on which as many have joined as in `days` days without growth."""
    if not growth:
        return days
    grown = 1 + growth * days
    if grown <= _MOST_GROWTH:
        return log(grown) / growth
    # From then on as many join every day.
    until = (_MOST_GROWTH - 1) / growth
    return log(_MOST_GROWTH) / growth + (days - until) / _MOST_GROWTH


def _time(event: SimEvent) -> int:
    return event[0]


_NEVER: Final = 1 << 62
