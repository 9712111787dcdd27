"""When the events are sent: on a schedule that does not wait for the answers (open loop)."""

from bisect import bisect_right
from typing import Final, Protocol

from analytics_app.simulation.journeys import SimEvent

# Events that are due within one slice travel in one request.
_SLICE: Final = 0.1


class Schedule(Protocol):
    """`now` and what follows from it are seconds on a clock that does not jump. `at_once`: all is due at any time."""

    at_once: bool

    def due(self, events: list[SimEvent], taken: int, now: float) -> int:
        """How many of the next `events` are due, when so many were `taken` before them."""
        ...

    def created(self, events: list[SimEvent], taken: int) -> list[int]:
        """When they happen, in milliseconds since 1970."""
        ...

    def due_at(self, event: SimEvent, taken: int) -> float | None:
        """When the next event is due; None: at once."""
        ...

    def target(self, taken: int, now: float) -> int | None:
        """How many should have been taken by now; None where that is not known beforehand."""
        ...

    def clock(self, now: float) -> int | None:
        """The simulated time, in milliseconds since 1970; None where it is that of the last event."""
        ...


class AtOnce(Schedule):
    """As fast as they are taken; each happens in its own time."""

    at_once = True

    def due(self, events: list[SimEvent], taken: int, now: float) -> int:  # noqa: ARG002 (the protocol's)
        return len(events)

    def created(self, events: list[SimEvent], taken: int) -> list[int]:  # noqa: ARG002
        return [event[0] for event in events]

    def due_at(self, event: SimEvent, taken: int) -> float | None:  # noqa: ARG002
        return None

    def target(self, taken: int, now: float) -> int | None:  # noqa: ARG002
        return None

    def clock(self, now: float) -> int | None:  # noqa: ARG002
        return None


class Natural(AtOnce):
    """Each in its own time, which goes by `speed` times as fast; at `started` it is `start` (milliseconds since 1970).

    What happened before is due at once.
    """

    at_once = False

    def __init__(self, start: int, speed: float, started: float) -> None:
        self._start = start
        self._speed = speed
        self._started = started

    def due(self, events: list[SimEvent], taken: int, now: float) -> int:  # noqa: ARG002
        return bisect_right(events, self.clock(now), key=_time)

    def clock(self, now: float) -> int:
        return self._start + int((now - self._started) * 1000 * self._speed)

    def due_at(self, event: SimEvent, taken: int) -> float | None:  # noqa: ARG002
        if event[0] < self._start:
            return None
        return self._started + (event[0] - self._start) / 1000 / self._speed


class Even(Schedule):
    """`rate` events per second, in the order in which they happen, beginning at `start` (milliseconds since 1970)."""

    at_once = False

    def __init__(self, start: int, rate: float, started: float) -> None:
        self._start = start
        self._rate = rate
        self._started = started

    def due(self, events: list[SimEvent], taken: int, now: float) -> int:
        return max(0, min(len(events), int((now - self._started) * self._rate) + 1 - taken))

    def created(self, events: list[SimEvent], taken: int) -> list[int]:
        return [self._start + int(number * 1000 / self._rate) for number in range(taken, taken + len(events))]

    def due_at(self, event: SimEvent, taken: int) -> float | None:  # noqa: ARG002
        return self._started + taken / self._rate

    def target(self, taken: int, now: float) -> int | None:  # noqa: ARG002
        return max(0, int((now - self._started) * self._rate) + 1)

    def clock(self, now: float) -> int | None:
        return self._start + int((now - self._started) * 1000)


def wait(due_at: float | None, now: float) -> float:
    """Seconds until the next look; 0 when the schedule is behind."""
    if due_at is None or due_at <= now:
        return 0.0
    return max(due_at - now, _SLICE)


def _time(event: SimEvent) -> int:
    return event[0]
