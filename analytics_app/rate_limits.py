"""How many events a second a source may send: a token bucket for each."""

import math
from dataclasses import dataclass

# A source that was quiet may send so many seconds' events at once.
BURST_SECONDS = 10.0


@dataclass
class TokenBucket:
    """`rate` tokens a second flow in, up to `burst`; each event takes one out. Times are monotonic seconds."""

    rate: float
    burst: float
    tokens: float
    filled_on: float

    def wait(self, now: float) -> int:
        """Whole seconds until the next request is taken: 0 when one is taken now."""
        self.tokens = min(self.burst, self.tokens + (now - self.filled_on) * self.rate)
        self.filled_on = now
        return 0 if self.tokens > 0 else max(1, math.ceil(-self.tokens / self.rate))

    def take(self, events: int) -> None:
        """A request is taken whole or not at all: a large one leaves a debt that the next ones wait for."""
        self.tokens -= events


class RateLimits:
    """The buckets of one process."""

    def __init__(self) -> None:
        self._buckets: dict[int, TokenBucket] = {}

    def bucket(self, source_id: int, rate: float, now: float) -> TokenBucket:
        """The source's bucket; a new one, full, when its rate has changed."""
        bucket = self._buckets.get(source_id)
        if bucket is None or bucket.rate != rate:
            burst = rate * BURST_SECONDS
            bucket = self._buckets[source_id] = TokenBucket(rate, burst, burst, now)
        return bucket
