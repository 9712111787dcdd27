"""When the events are sent: on a fixed schedule, however slow the answers are (open loop)."""

from dataclasses import dataclass
from typing import Final

# Events that are due within one slice travel in one request.
_SLICE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """`rate` events per second from `started` (seconds on any clock that does not jump) on."""

    rate: float
    started: float

    def due(self, now: float) -> int:
        """How many events should have been sent by `now`; the first is due at the start."""
        return max(0, int((now - self.started) * self.rate) + 1)

    def wait(self, sent: int, now: float) -> float:
        """Seconds until the next look, when `sent` events were sent; 0 when the schedule is behind."""
        until_next = self.started + sent / self.rate - now
        return max(until_next, _SLICE) if until_next > 0 else 0.0
