"""What a run is: everything that its events depend on, and how they are sent."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from analytics_app.simulation.faults import NO_FAULTS, Faults, FaultShares
from analytics_app.simulation.feed import Feed
from analytics_app.simulation.pacing import AtOnce, Even, Natural, Schedule
from analytics_app.simulation.runner import Simulation
from analytics_app.simulation.scenario import Scenario
from analytics_app.simulation.sending import Sink
from analytics_app.simulation.stamps import Stamp
from analytics_app.simulation.stream import Plan, open_stream, since
from analytics_app.simulation.truth import Truth

_DAY: Final = 86_400
_EVENTS_A_SESSION: Final = 7
_MOST_PEOPLE: Final = 100_000


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The events of `scenario` from `start` to before `end` (milliseconds since 1970; None: no end), `limit` at most.

    With `rate` they are sent evenly, so many each second, and happen when they are sent. With `speed` each happens in
    its own time, which goes by so many times as fast. With neither they are sent as fast as the sink takes them.
    Those before `resume` were sent by an earlier run. `present` (milliseconds since 1970) is the time that was at
    `present_at` (seconds on a clock that does not jump), when that is not the beginning. `timezone`: of the days in the
    summary.
    """

    scenario: Scenario
    seed: int
    start: int
    timezone: str
    end: int | None = None
    limit: int | None = None
    rate: float | None = None
    speed: float | None = None
    resume: int | None = None
    present: int | None = None
    present_at: float | None = None
    faults: FaultShares = NO_FAULTS
    batch: int = 500
    processes: int = 1

    @property
    def begin(self) -> int:
        """When the first event that is sent may happen."""
        return self.start if self.resume is None else self.resume

    def schedule(self, started: float) -> Schedule:
        """`started`: the present, in seconds on a clock that does not jump."""
        if self.rate is not None:
            return Even(self.begin, self.rate, started)
        if self.speed is None:
            return AtOnce()
        present = self.begin if self.present is None else self.present
        return Natural(present, self.speed, started if self.present_at is None else self.present_at)


@contextmanager
def open_simulation(options: RunOptions, sink: Sink) -> Iterator[Simulation]:
    """The simulation, ready to run; at the end its processes are gone, and the sink is as it was."""
    plan = Plan(options.scenario, options.seed, options.start, None if options.rate else options.end)
    with open_stream(plan, options.processes) as chunks:
        truth = Truth(options.scenario, options.timezone)
        faults = Faults(options.faults, options.seed)
        events, schedule = since(chunks, options.begin), options.schedule(time.monotonic())
        span = None if options.end is None else (options.begin, options.end)
        feed = Feed(events, schedule, faults, Stamp(sink.source), truth, limit=options.limit, span=span)
        yield Simulation(feed, sink, options.batch)


def people_for(scenario: Scenario, rate: float) -> Scenario:
    """`scenario` with so many people that they send at about `rate` by themselves; 100,000 at most, and not fewer."""
    people = scenario.people
    needed = int(rate * _DAY / _EVENTS_A_SESSION / (people.sessions_per_week / 7))
    if needed <= people.initial:
        return scenario
    initial = min(needed, _MOST_PEOPLE)
    joining = people.new_per_day * initial / people.initial
    return replace(scenario, people=replace(people, initial=initial, new_per_day=joining))
