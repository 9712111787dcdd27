"""What the ids of new events are counted with: UUIDs of version 7, whose time and number are in order."""

import threading
from secrets import randbits

_NUMBERS = 2**32


class EventIds:
    """Gives each call numbers of its own. A millisecond's begin anywhere in the lower half of 32 bits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = self._next = 0

    def take(self, count: int, milliseconds: int) -> tuple[int, int]:
        """The time and the first of `count` numbers. The time is `milliseconds`, or one given before that is later."""
        with self._lock:
            if milliseconds > self._milliseconds:
                self._milliseconds, self._next = milliseconds, randbits(31)
            elif self._next + count > _NUMBERS:
                self._milliseconds, self._next = self._milliseconds + 1, 0
            first = self._next
            self._next += count
            return self._milliseconds, first
