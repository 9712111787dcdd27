"""The loop of a simulation, in single steps."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from analytics_app.simulation.pacing import Pace
from analytics_app.simulation.sinks import Sink
from analytics_app.simulation.summary import Summary


class Simulation:
    """Sends events to a sink when they are due.

    `total` events at most, without end when None; `batch` events at most in one go.
    `problem` says why the sink takes nothing at the moment, empty when it does.
    """

    def __init__(
        self, events: Iterator[dict[str, Any]], pace: Pace, sink: Sink, *, total: int | None, batch: int
    ) -> None:
        self.summary = Summary()
        self.total = total
        self.problem = ""
        self._events = events
        self._pace = pace
        self._sink = sink
        self._batch = batch
        self._taken = 0
        self._pending: list[dict[str, Any]] = []

    @property
    def done(self) -> bool:
        """Every one of `total` events was accepted or rejected."""
        return self._taken == self.total and not self._pending

    @property
    def unsent(self) -> int:
        """Events that are due and neither accepted nor rejected yet."""
        return len(self._pending)

    def step(self, now: float) -> float:
        """Send what is due at `now`; returns the seconds to wait before the next step. Raises SinkError."""
        if not self._pending:
            self._pending = self._take(now)
        if not self._pending:
            return self._pace.wait(self._taken, now)
        result = self._sink.send(self._pending)
        self.summary.add(result)
        self._pending = result.retry
        self.problem = result.problem
        return result.retry_after

    def _take(self, now: float) -> list[dict[str, Any]]:
        due = self._pace.due(now)
        due = due if self.total is None else min(due, self.total)
        events = list(islice(self._events, max(0, min(due - self._taken, self._batch))))
        self._taken += len(events)
        return events


def run(
    simulation: Simulation, stop: threading.Event, observe: Callable[[Simulation], None] = lambda _simulation: None
) -> None:
    """Step until all is sent or `stop` is set; `observe` is called after every step. Raises SinkError."""
    while not stop.is_set() and not simulation.done:
        wait = simulation.step(time.monotonic())
        observe(simulation)
        if not simulation.done:
            stop.wait(wait)
