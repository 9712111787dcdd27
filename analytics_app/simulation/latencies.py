"""How long the last requests took."""

from collections import deque
from typing import Final

_KEPT: Final = 10_000


class Latencies:
    """In seconds; of the last 10,000 requests."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=_KEPT)

    def add(self, seconds: float) -> None:
        self._last.append(seconds)

    def percentiles(self, *percents: int) -> list[float]:
        """For each percent the time that so many of the requests did not exceed; empty without requests."""
        ordered = sorted(self._last)
        if not ordered:
            return []
        return [ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] for percent in percents]
