"""The loop of a simulation, in single steps."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from analytics_app.simulation.feed import Feed
from analytics_app.simulation.latencies import Latencies
from analytics_app.simulation.pacing import wait
from analytics_app.simulation.sending import Message, Sink

# After a stop, what is due is tried for so long.
_FLUSH_SECONDS: Final = 10.0
_LONGEST_WAIT: Final = 1.0


class Simulation:
    """Sends the events of `feed` to `sink` when they are due, `batch` at most in one go.

    `accepted`, `rejected` and `tried_again` count what the sink answered, faults included. `problem` says why it takes
    nothing at the moment, empty when it does.
    """

    def __init__(self, feed: Feed, sink: Sink, batch: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.feed = feed
        self.accepted = 0
        self.rejected: Counter[str] = Counter()
        self.tried_again = 0
        self.latencies = Latencies()
        self.problem = ""
        self.started = clock()
        self._sink = sink
        self._batch = batch
        self._clock = clock
        self._pending: list[Message] = []
        self._due_at: float | None = None

    @property
    def done(self) -> bool:
        """Every event was accepted or rejected."""
        return self.feed.ended and not self._pending

    @property
    def unsent(self) -> int:
        """Events that are due and neither accepted nor rejected yet."""
        return len(self._pending)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self._clock() - self.started

    def step(self) -> float:
        """Send what is due; returns the seconds to wait before the next step. Raises SinkError, StreamError."""
        now = self._clock()
        if not self._pending:
            self._due_at = self.feed.due_at()
            self._pending = self.feed.take(now, self._batch)
        if self._pending:
            return self._send(now)
        return 0.0 if self.feed.ended else min(wait(self.feed.due_at(), now), _LONGEST_WAIT)

    def finish(self) -> None:
        """Send what is held back, when nothing more is to be taken; the next steps send it."""
        if not self.feed.ended:
            self._pending += self.feed.rest()

    def _send(self, now: float) -> float:
        batch, self._pending = self._pending[: self._batch], self._pending[self._batch :]
        result = self._sink.send(batch)
        self.latencies.add(self._clock() - (now if self._due_at is None else min(now, self._due_at)))
        self.accepted += result.accepted
        self.rejected += result.rejected
        self.tried_again += len(result.retry)
        self._pending = result.retry + self._pending
        self.problem = result.problem
        return result.retry_after


def run(
    simulation: Simulation, stop: threading.Event, observe: Callable[[Simulation], None] = lambda _simulation: None
) -> None:
    """Step until all is sent, or `stop` is set and what was due is sent, if that takes no longer than ten seconds.

    `observe` is called after every step. Raises SinkError, StreamError.
    """
    while not stop.is_set() and not simulation.done:
        pause = simulation.step()
        observe(simulation)
        if pause and not simulation.done:
            stop.wait(pause)
    simulation.finish()
    deadline = simulation.seconds + _FLUSH_SECONDS
    while not simulation.done and (left := deadline - simulation.seconds) > 0:
        time.sleep(min(left, simulation.step()))
        observe(simulation)
