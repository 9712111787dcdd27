"""What is to be sent next: the stream's events when they are due, with their faults and stamps, and counted."""

from analytics_app.simulation.faults import Faults
from analytics_app.simulation.journeys import SimEvent
from analytics_app.simulation.pacing import Schedule
from analytics_app.simulation.sending import Message
from analytics_app.simulation.stamps import Stamp
from analytics_app.simulation.stream import Chunks
from analytics_app.simulation.truth import Truth


class Feed:
    """At most `limit` events of `chunks`; None: all of them. `taken` were given out; `time` is that of the last one.

    `span`: the first and the last time that an event may have, for `part`.
    """

    def __init__(  # noqa: PLR0913 (what an event passes on its way)
        self,
        chunks: Chunks,
        schedule: Schedule,
        faults: Faults,
        stamp: Stamp,
        truth: Truth,
        *,
        limit: int | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        self.schedule = schedule
        self.faults = faults
        self.truth = truth
        self.limit = limit
        self.taken = 0
        self.time: int | None = None
        self.ended = False
        self._span = span
        self._chunks = chunks
        self._stamp = stamp
        self._next: list[SimEvent] = []

    def take(self, now: float, most: int) -> list[Message]:
        """What is due at `now`, of at most so many events. Raises StreamError."""
        if not self._fill(most):
            return self.rest()
        number = min(self.schedule.due(self._next, self.taken, now), most)
        if self.limit is not None:
            number = min(number, self.limit - self.taken)
        events, self._next = self._next[:number], self._next[number:]
        if not events:
            return []
        created = self.schedule.created(events, self.taken)
        self.taken += number
        self.time = created[-1]
        self.truth.add(created, events)
        return self._stamp.messages(self.faults.apply(created, events))

    def rest(self) -> list[Message]:
        """What faults hold back, once nothing more is taken."""
        self.ended = True
        return self._stamp.messages(self.faults.rest())

    def due_at(self) -> float | None:
        """When the next event is due; None: at once."""
        return self.schedule.due_at(self._next[0], self.taken) if self._next else None

    def target(self, now: float) -> int | None:
        """How many events should have been given out by `now`; None where that is not known beforehand."""
        due = self.schedule.target(self.taken, now)
        return due if due is None or self.limit is None else min(due, self.limit)

    def clock(self, now: float) -> int | None:
        """The simulated time, in milliseconds since 1970; None before the first event where only events tell it."""
        by_itself = self.schedule.clock(now)
        return self.time if by_itself is None else by_itself

    def part(self) -> float | None:
        """How much of all is taken, from 0 to 1; None without an end."""
        if self.limit is not None:
            return self.taken / self.limit
        if self._span is None or self.time is None:
            return None
        begin, end = self._span
        return (self.time - begin) / (end - begin)

    def _fill(self, most: int) -> bool:
        """Have the next events at hand. False when there are no more."""
        if self.ended or self.taken == self.limit:
            return False
        wanted = most if self.schedule.at_once else 1
        while len(self._next) < wanted:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._next += chunk
        return bool(self._next)
