"""What goes wrong on the way: events that come twice, late, out of order, and some that are no events.

None of it changes what happened, so that the expected truth is the same with and without faults.
"""

from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final, NamedTuple

from analytics_app.simulation.journeys import SimEvent
from analytics_app.simulation.seeding import Purpose, seed_for

# Milliseconds, on average, between an event and its repetition, and by which one is late or out of order.
_AGAIN: Final = 5_000.0
_LATE: Final = 600_000.0
_SWAPPED: Final = 2_000.0
# Never longer than this, so that what is held back is bounded.
_LONGEST: Final = 3_600_000
# Broken events: no name, nobody, money that is a text, a kind that is none, and a time that is none.
_BROKEN: Final = (
    (b'{"v":1,"event_id":"broken-%d","device_id":"broken"', b"}"),
    (b'{"v":1,"event_id":"broken-%d","event_type":"BROKEN"', b"}"),
    (b'{"v":1,"event_id":"broken-%d","event_type":"REVENUE","device_id":"broken"', b',"revenue":"a lot"}'),
    (b'{"v":1,"event_id":"broken-%d","kind":"guess","event_type":"BROKEN","device_id":"broken"', b"}"),
    (b'{"v":1,"event_id":"broken-%d","event_type":7,"device_id":"broken"', b"}"),
)

# Created, received (milliseconds since 1970), key, head and tail.
Outgoing = tuple[int, int, bytes, bytes, bytes]


class FaultShares(NamedTuple):
    """The share of events, from 0 to 1, that each fault befalls."""

    duplicates: float = 0.0
    late: float = 0.0
    out_of_order: float = 0.0
    malformed: float = 0.0


NO_FAULTS: Final = FaultShares()


class FaultCounts:
    """How many there were of each; `duplicates` and `malformed` are sent in addition to the events."""

    def __init__(self) -> None:
        self.duplicates = 0
        self.late = 0
        self.out_of_order = 0
        self.malformed = 0


class Faults:
    """Which events a fault befalls depends on the seed and the events before."""

    def __init__(self, shares: FaultShares, seed: int) -> None:
        self.counts = FaultCounts()
        self._shares = shares
        self._none = not any(shares)
        self._rng = Random(seed_for(seed, Purpose.FAULTS))  # noqa: S311 (made-up faults, no secrets)
        self._held: list[tuple[int, int, Outgoing]] = []
        self._order = count()

    @property
    def held(self) -> int:
        """Events that wait for their time."""
        return len(self._held)

    def apply(self, created: list[int], events: list[SimEvent]) -> list[Outgoing]:
        """What is sent now, when these events happen at these times."""
        if self._none:
            return [(time, time, event[6], event[7], event[8]) for time, event in zip(created, events, strict=True)]
        sent: list[Outgoing] = []
        for time, event in zip(created, events, strict=True):
            while self._held and self._held[0][0] <= time:
                sent.append(heappop(self._held)[2])
            sent += self._befall((time, time, event[6], event[7], event[8]))
        return sent

    def rest(self) -> list[Outgoing]:
        """What is still held back, in its order."""
        rest = [heappop(self._held)[2] for _ in range(len(self._held))]
        self._held = []
        return rest

    def _befall(self, one: Outgoing) -> list[Outgoing]:
        shares, counts, random = self._shares, self.counts, self._rng.random
        sent = [one]
        if random() < shares.malformed:
            head, tail = _BROKEN[counts.malformed % len(_BROKEN)]
            sent.append((one[0], one[1], b"broken", head % counts.malformed, tail))
            counts.malformed += 1
        if random() < shares.duplicates:
            counts.duplicates += 1
            self._hold(one, _AGAIN)
        if random() < shares.late:
            counts.late += 1
            self._hold(sent.pop(0), _LATE)
        elif random() < shares.out_of_order:
            counts.out_of_order += 1
            self._hold(sent.pop(0), _SWAPPED)
        return sent

    def _hold(self, one: Outgoing, mean: float) -> None:
        created, _, key, head, tail = one
        time = created + 1 + min(_LONGEST, int(self._rng.expovariate(1 / mean)))
        heappush(self._held, (time, next(self._order), (created, time, key, head, tail)))
