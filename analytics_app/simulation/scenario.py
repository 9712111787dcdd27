"""What a scenario says: who its people are, what they do, when, and how far they get. `scenario_file` reads it."""

from dataclasses import dataclass, field
from typing import Any, Final

LEAVE: Final = -1


@dataclass(frozen=True, slots=True)
class People:
    """How many there are and how they behave.

    `initial` exist at the start; `new_per_day` join on the first day, and `growth` is by how much that grows a day
    (0.01 is 1%). After a session a person leaves for ever with the chance `churn`. `known`: the share of the initial
    people who are signed in. `second_device`: the share who have two devices.
    """

    initial: int
    new_per_day: float
    growth: float
    churn: float
    sessions_per_week: float
    known: float
    second_device: float


@dataclass(frozen=True, slots=True)
class Burst:
    """Every week on `weekday` (0 is Monday) from `hour` on there is `factor` times as much for `hours` hours."""

    weekday: int
    hour: int
    hours: int
    factor: float


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How active people are by hour of the day (24 weights) and by day of the week (7 weights), in `timezone`."""

    timezone: str
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    bursts: tuple[Burst, ...] = ()


@dataclass(frozen=True, slots=True)
class Sessions:
    """`ended`: the share of sessions whose END_SESSION is sent; `without_id`: the share of people whose client
    sends no session_id."""

    ended: float
    without_id: float


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of device; `fields` are columns of the event, `user_agent` goes to its context."""

    fields: dict[str, str]
    user_agent: str
    share: float

    @property
    def is_web(self) -> bool:
        return self.fields["platform"] == "web"


@dataclass(frozen=True, slots=True)
class Place:
    """Where people are; `currency` is a place in `Scenario.currencies`."""

    country: str
    locale: str
    currency: int
    share: float


@dataclass(frozen=True, slots=True)
class Currency:
    """`rate`: how many of it one unit of the scenario's prices is; amounts have so many `decimals`."""

    code: str
    rate: float
    decimals: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a session of the web comes from: `fields` are referrer and utm_source, utm_medium, utm_campaign."""

    fields: dict[str, str]
    share: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `values`, with `shares`."""

    values: tuple[Any, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Identifier:
    """A new text each time: `prefix`, a hyphen and 12 hexadecimal digits."""

    prefix: str


Property = Choice | Between | Identifier


@dataclass(frozen=True, slots=True)
class State:
    """One thing that people do, which sends one event.

    On the web a state with `page_path` is a page; in the apps it is a screen. `dwell` is the mean of the seconds
    until the next event. `next` has places in `Scenario.states` with their chances; what is missing to 1 leaves.
    A state that `identifies` is passed by who is signed in. `revenue` has prices and their shares.
    """

    name: str
    event_type: str
    dwell: float
    next: tuple[tuple[int, float], ...]
    page_path: str = ""
    page_title: str = ""
    identifies: bool = False
    revenue: Choice | None = None
    properties: dict[str, Property] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Funnel:
    """Event types in their order, all within so many seconds from the first."""

    name: str
    steps: tuple[str, ...]
    within: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """`site` is the address of the web site, without a slash at its end; `start` the place of the first state."""

    name: str
    title: str
    site: str
    people: People
    rhythm: Rhythm
    sessions: Sessions
    devices: tuple[Device, ...]
    places: tuple[Place, ...]
    versions: Choice
    currencies: tuple[Currency, ...]
    arrivals: tuple[Arrival, ...]
    start: int
    states: tuple[State, ...]
    funnel: Funnel
