"""What people do in one session: a walk over the scenario's states, as events that are encoded but for their stamp."""

from bisect import bisect_right
from itertools import accumulate
from math import log
from random import Random
from typing import Final, NamedTuple

from analytics_app.simulation.event_parts import EventParts, Kind, Looks, Piece
from analytics_app.simulation.people import People, Person
from analytics_app.simulation.scenario import LEAVE, Between, Scenario
from analytics_app.simulation.seeding import Purpose, seed_for

# Bits of SimEvent.flags.
SECOND_DEVICE: Final = 1
SIGNED_IN: Final = 2
HAS_SESSION: Final = 4
FIRST_OF_SESSION: Final = 8

NO_CURRENCY: Final = -1
_SECOND_DEVICE_SHARE: Final = 0.35
_OPEN: Final = b'{"v":1,"event_id":"'
# A scenario in which nobody ever leaves is refused; this is for those in which nearly nobody does.
_MOST_STEPS: Final = 500


# One event, ordered by time and then by person. A plain tuple, for there are millions of them: the time (milliseconds
# since 1970), the person's number, the flags, a place in `EventParts.types`, a place in `Scenario.currencies` or
# NO_CURRENCY, the millionths of the amount, the key (the device), head and tail. The value is head + stamp + tail.
SimEvent = tuple[int, int, int, int, int, int, bytes, bytes, bytes]


class Visit(NamedTuple):
    """A session that is over: its events, its end, and on which devices (bits) the person is now signed in."""

    events: list[SimEvent]
    end: int
    signed_in: int


class Journeys:
    """Makes the sessions of the people of `scenario`."""

    def __init__(self, scenario: Scenario, seed: int, people: People) -> None:
        self.scenario = scenario
        self.seed = seed
        self.people = people
        self.parts = EventParts(scenario)
        self.rng = Random()  # noqa: S311 (made-up visits, no secrets)
        # By state: the cumulative chances of what follows and where they lead to.
        self.cuts = [list(accumulate(chance for _, chance in state.next)) for state in scenario.states]
        self.targets = [[*(to for to, _ in state.next), LEAVE] for state in scenario.states]
        self.dwells = [-state.dwell * 1000 for state in scenario.states]
        self.arrivals = list(accumulate(arrival.share for arrival in scenario.arrivals))
        self.price_cuts = [list(accumulate(state.revenue.shares)) if state.revenue else [] for state in scenario.states]

    def visit(self, person: Person, number: int, start: int, signed_in: int) -> tuple[Visit, Random]:
        """The person's session `number`, from 0, and the generator to draw from what follows it."""
        rng = self.rng
        rng.seed(seed_for(self.seed, Purpose.SESSION, person.number, number))
        second = person.second is not None and rng.random() < _SECOND_DEVICE_SHARE
        return _Session(self, person, second, signed_in).walk(start), rng


class _Session:
    """One session while it is made."""

    __slots__ = ("_device", "_events", "_flags", "_journeys", "_look", "_person", "_rng", "_session", "_signed", "_who")

    def __init__(self, journeys: Journeys, person: Person, second: bool, signed_in: int) -> None:
        self._journeys = journeys
        self._person = person
        self._rng = journeys.rng
        self._look: Looks = journeys.parts.look(person.second if second and person.second else person.first)
        self._device = journeys.people.device_id(person.number, second)
        self._signed = signed_in
        self._events: list[SimEvent] = []
        self._flags = SECOND_DEVICE if second else 0
        self._session = b""
        if person.has_session_ids:
            self._session = b',"session_id":"%032x"' % self._rng.getrandbits(128)
            self._flags |= HAS_SESSION
        self._who = b""
        self._identify(signed_in & self._bit != 0)

    @property
    def _bit(self) -> int:
        """The bit of this device in `Visit.signed_in`."""
        return 2 if self._flags & SECOND_DEVICE else 1

    def walk(self, start: int) -> Visit:
        """All of it, from START_SESSION on."""
        journeys, random = self._journeys, self._rng.random
        parts, look, states = journeys.parts, self._look, journeys.scenario.states
        kinds, pages = (parts.on_web, parts.web_pages) if look.is_web else (parts.in_app, parts.app_pages)
        arrival = b""
        if look.is_web:
            arrival = parts.arrivals[bisect_right(journeys.arrivals, random() * journeys.arrivals[-1])]
        time = start
        self._flags |= FIRST_OF_SESSION
        self._add(time, parts.session_start, arrival)
        self._flags &= ~FIRST_OF_SESSION
        place = journeys.scenario.start
        for _ in range(_MOST_STEPS):
            state = states[place]
            if not (state.identifies and self._signed & self._bit):
                if state.identifies:
                    self._identify(True)
                time += 1 + int(log(1 - random()) * journeys.dwells[place])
                if parts.money[place] is None and parts.pieces[place] is None:
                    self._add(time, kinds[place], pages[place] + arrival)
                else:
                    self._add_rich(time, kinds[place], pages[place] + arrival, place)
                arrival = b""
            place = journeys.targets[place][bisect_right(journeys.cuts[place], random())]
            if place == LEAVE:
                break
        if random() < journeys.scenario.sessions.ended:
            time += 1 + int(log(1 - random()) * -5000)
            self._add(time, parts.session_end, b"")
        return Visit(self._events, time, self._signed)

    def _identify(self, signed_in: bool) -> None:
        device = b',"device_id":"%b"' % self._device
        if signed_in:
            self._signed |= self._bit
            self._flags |= SIGNED_IN
            device += b',"user_id":"%b"' % self._journeys.people.user_id(self._person.number)
        self._who = device + self._session

    def _add(self, time: int, kind: Kind, middle: bytes, currency: int = NO_CURRENCY, micros: int = 0) -> None:
        look = self._look
        head = b"%b%032x%b%b" % (_OPEN, self._rng.getrandbits(128), kind.json, self._who)
        tail = look.before + middle + look.after
        self._events.append(
            (time, self._person.number, self._flags, kind.type, currency, micros, self._device, head, tail)
        )

    def _add_rich(self, time: int, kind: Kind, middle: bytes, place: int) -> None:
        """An event with revenue or properties."""
        parts = self._journeys.parts
        currency, micros = NO_CURRENCY, 0
        if prices := parts.money[place]:
            currency, cuts = self._look.currency, self._journeys.price_cuts[place]
            money = prices[currency][bisect_right(cuts, self._rng.random() * cuts[-1])]
            middle, micros = middle + money.json, money.micros
        if pieces := parts.pieces[place]:
            middle += b',"properties":{%b}' % b",".join([self._property(piece) for piece in pieces])
        self._add(time, kind, middle, currency, micros)

    def _property(self, piece: Piece) -> bytes:
        rng, made = self._rng, piece.made
        if made is None:
            return piece.name + piece.values[bisect_right(piece.shares, rng.random() * piece.shares[-1])]
        if isinstance(made, Between):
            return b"%b%d" % (piece.name, made.low + int(rng.random() * (made.high - made.low + 1)))
        return b'%b"%b-%012x"' % (piece.name, made.prefix.encode(), rng.getrandbits(48))
