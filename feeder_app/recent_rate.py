"""How fast something rises lately. Pure, with the time passed in."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(minutes=1)


class RecentRate:
    """The rise of a number, such as an offset, over the last WINDOW, from what was seen of it."""

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, int]] = deque()

    def see(self, value: int, now: datetime) -> None:
        """The number is `value` at `now`. One that fell, as after a change of owner, is watched anew."""
        if self._seen and (value < self._seen[-1][1] or now < self._seen[-1][0]):
            self._seen.clear()
        self._seen.append((now, value))
        # The oldest that is kept is the newest from before the window, so that the whole window is covered.
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()

    def per_second(self) -> float | None:
        """Rounded to one place; None until there are two moments to compare."""
        if len(self._seen) < 2 or self._seen[0][0] == self._seen[-1][0]:
            return None
        (first, low), (last, high) = self._seen[0], self._seen[-1]
        return round((high - low) / ((last - first) / timedelta(seconds=1)), 1)
