"""The events of a scenario as JSON that is written beforehand, so that to make one is to join a few pieces.

The pieces are what `brokerlytics.event_codec.encode_event` would write, in the same order; a test holds the two
together. A value is `head + stamp + tail`: the stamp has the times and the source, and is added when it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final

import msgspec

from analytics_app.simulation.people import Look
from analytics_app.simulation.scenario import Between, Choice, Identifier, Property, Scenario, State
from brokerlytics.event import END_SESSION, FIELDS, START_SESSION

PAGE_VIEW: Final = "PAGE_VIEW"
SCREEN_VIEW: Final = "SCREEN_VIEW"
_ORDER: Final = [field.name for field in FIELDS]


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind and type of an event: `json` follows the event_id, `type` is a place in `EventParts.types`."""

    json: bytes
    type: int


@dataclass(frozen=True, slots=True)
class Money:
    """Of one price in one currency: its millionths, and as JSON."""

    micros: int
    json: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """One property: its values as JSON with cumulative shares, or how they are made."""

    name: bytes
    made: Between | Identifier | None
    values: tuple[bytes, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Looks:
    """What all events of one device have in common: `before` and `after` what the state says."""

    is_web: bool
    currency: int
    before: bytes
    after: bytes


class EventParts:
    """The pieces of all events of `scenario`."""

    def __init__(self, scenario: Scenario) -> None:
        self.types: list[str] = []
        self.session_start = self._kind("track", START_SESSION)
        self.session_end = self._kind("track", END_SESSION)
        self.on_web = [self._state_kind(state, web=True) for state in scenario.states]
        self.in_app = [self._state_kind(state, web=False) for state in scenario.states]
        self.web_pages = [_page(state, scenario.site) for state in scenario.states]
        self.app_pages = [_page(state, "") for state in scenario.states]
        self.arrivals = [members(arrival.fields) for arrival in scenario.arrivals]
        self.money = [_prices(state, scenario) for state in scenario.states]
        self.pieces = [
            tuple(_piece(name, of) for name, of in state.properties.items()) or None for state in scenario.states
        ]
        self._scenario = scenario
        self.look = lru_cache(maxsize=None)(self._look)

    def _kind(self, kind: str, event_type: str) -> Kind:
        if event_type not in self.types:
            self.types.append(event_type)
        return Kind(b'"' + members({"kind": kind, "event_type": event_type}), self.types.index(event_type))

    def _state_kind(self, state: State, *, web: bool) -> Kind:
        if state.identifies:
            return self._kind("identify", state.event_type)
        if not state.page_path or state.event_type != PAGE_VIEW:
            return self._kind("track", state.event_type)
        return self._kind("page", PAGE_VIEW) if web else self._kind("screen", SCREEN_VIEW)

    def _look(self, look: Look) -> Looks:
        scenario = self._scenario
        device, place = scenario.devices[look.device], scenario.places[look.place]
        fields = {**device.fields, "locale": place.locale, "country": place.country}
        if not device.is_web:
            fields["app_version"] = str(scenario.versions.values[look.version])
        after = members({"context": {"user_agent": device.user_agent}}) if device.user_agent else b""
        return Looks(device.is_web, place.currency, members(fields), after + b"}")


def members(fields: Mapping[str, Any]) -> bytes:
    """`fields` of the contract, in its order, as members of a JSON object with a comma before each."""
    names = sorted(fields, key=_ORDER.index)
    return b"".join(b",%b:%b" % (msgspec.json.encode(name), msgspec.json.encode(fields[name])) for name in names)


def _page(state: State, site: str) -> bytes:
    if not state.page_path:
        return b""
    fields = {"page_path": state.page_path, "page_title": state.page_title}
    return members({"page_url": site + state.page_path, **fields} if site else fields)


def _prices(state: State, scenario: Scenario) -> tuple[tuple[Money, ...], ...] | None:
    """For each currency each price."""
    if state.revenue is None:
        return None
    prices = []
    for currency in scenario.currencies:
        amounts = [round(float(price) * currency.rate, currency.decimals) for price in state.revenue.values]
        prices.append(
            tuple(
                Money(round(amount * 1_000_000), members({"revenue": amount, "currency": currency.code}))
                for amount in amounts
            )
        )
    return tuple(prices)


def _piece(name: str, of: Property) -> Piece:
    encoded = msgspec.json.encode(name) + b":"
    if isinstance(of, Choice):
        return Piece(encoded, None, tuple(map(msgspec.json.encode, of.values)), tuple(accumulate(of.shares)))
    return Piece(encoded, of)
