"""What the simulated visitors do: a stream of events that depends on its arguments alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import heapify, heapreplace
from itertools import count
from random import Random
from typing import Any, Final
from uuid import UUID

from analytics_app.simulation.people import Person, person
from brokerlytics.event import END_SESSION, REVENUE, START_SESSION
from brokerlytics.timestamps import format_timestamp

# One step: seconds since the visitor's last step, and the event's own fields.
_Step = tuple[float, dict[str, Any]]

_SITE: Final = "https://shop.example"
_TITLES: Final = {
    "/": "Home",
    "/products": "Products",
    "/products/lamp": "Lamp",
    "/products/chair": "Chair",
    "/products/desk": "Desk",
    "/pricing": "Pricing",
    "/blog": "Blog",
    "/cart": "Cart",
    "/checkout": "Checkout",
}
_PRICES: Final = {"/products/lamp": 39.9, "/products/chair": 129.0, "/products/desk": 349.5}
# From each page: where to, with which share; what is missing to 100 leaves.
_NEXT: Final[dict[str, dict[str, int]]] = {
    "/": {"/products": 45, "/pricing": 15, "/blog": 15},
    "/products": {"/products/lamp": 30, "/products/chair": 25, "/products/desk": 20, "/": 5},
    "/products/lamp": {"/cart": 30, "/products": 35},
    "/products/chair": {"/cart": 22, "/products": 40},
    "/products/desk": {"/cart": 15, "/products": 45},
    "/pricing": {"/products": 40, "/": 20},
    "/blog": {"/blog": 30, "/": 25},
    "/cart": {"/checkout": 60, "/products": 20},
    "/checkout": {},
}
_CAMPAIGNS: Final = (
    {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brand"},
    {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "august"},
    {"utm_source": "instagram", "utm_medium": "social", "utm_campaign": "lamps"},
)
_REFERRERS: Final = ("https://www.google.com/", "https://duckduckgo.com/", "https://news.ycombinator.com/", None)
_SECONDS_BETWEEN_SESSIONS: Final = 1800.0
_SECONDS_ON_A_PAGE: Final = 25.0
_SIGNS_IN: Final = 0.35
_BUYS: Final = 0.7


def events(seed: int, users: int, start: datetime, rate: float) -> Iterator[dict[str, Any]]:
    """The events of `users` visitors in the order of time, without end.

    Args:
        seed: the same seed, users, start and rate give the same events with the same event_ids.
            With another start the same people come back and do something else.
        start: aware; event number n (from 0) is created at start + n / rate.
        rate: events per second.
    """
    visitors = [_Visitor(seed, start, number) for number in range(users)]
    heapify(visitors)
    for number in count():
        visitor = visitors[0]
        created_on = start + timedelta(seconds=number / rate)
        yield {"created_on": format_timestamp(created_on), **visitor.act()}
        heapreplace(visitors, visitor)


class _Visitor:
    """One person's steps, with a random generator of its own; sorted by the time of the next step."""

    def __init__(self, seed: int, start: datetime, number: int) -> None:
        self._rng = Random(f"{seed}:{start.isoformat()}:{number}")  # noqa: S311 (made-up visits, no secrets)
        self._number = number
        self._person = person(seed, number)
        self._steps = _visits(self._person, self._rng)
        self._due = self._rng.uniform(0, _SECONDS_BETWEEN_SESSIONS)
        _, self._next = next(self._steps)

    def __lt__(self, other: "_Visitor") -> bool:
        return (self._due, self._number) < (other._due, other._number)

    def act(self) -> dict[str, Any]:
        """The event that is due; afterwards the visitor waits for its next one."""
        event = {"event_id": _uuid(self._rng), **_device_fields(self._person), **self._next}
        seconds, self._next = next(self._steps)
        self._due += seconds
        return event


def _visits(someone: Person, rng: Random) -> Iterator[_Step]:
    signed_in = rng.random() < _SIGNS_IN
    while True:
        session = {"session_id": _uuid(rng)}
        if signed_in:
            session["user_id"] = someone.user_id
        yield rng.expovariate(1 / _SECONDS_BETWEEN_SESSIONS), session | _arrival(someone, rng)
        if not signed_in and rng.random() < _SIGNS_IN:
            signed_in = True
            session["user_id"] = someone.user_id
            yield _pause(rng), session | {"kind": "identify", "event_type": "SIGN_IN"}
        for seconds, fields in _pages(someone, rng):
            yield seconds, session | fields
        yield _pause(rng), session | {"event_type": END_SESSION}


def _arrival(someone: Person, rng: Random) -> dict[str, Any]:
    fields: dict[str, Any] = {"event_type": START_SESSION}
    if someone.is_web and rng.random() < 0.3:
        fields |= rng.choice(_CAMPAIGNS)
    elif someone.is_web and (referrer := rng.choice(_REFERRERS)):
        fields["referrer"] = referrer
    return fields


def _pages(someone: Person, rng: Random) -> Iterator[_Step]:
    basket: list[str] = []
    path: str | None = "/"
    while path:
        yield _pause(rng), _page(someone, path)
        if path in _PRICES:
            basket.append(path)
        if path == "/checkout" and rng.random() < _BUYS:
            yield _pause(rng), _purchase(someone, basket, rng)
        path = _next_page(path, rng)


def _page(someone: Person, path: str) -> dict[str, Any]:
    fields = {"page_path": path, "page_title": _TITLES[path]}
    if someone.is_web:
        return {"kind": "page", "event_type": "PAGE_VIEW", "page_url": _SITE + path, **fields}
    return {"kind": "screen", "event_type": "SCREEN_VIEW", **fields}


def _purchase(someone: Person, basket: list[str], rng: Random) -> dict[str, Any]:
    items = sorted(set(basket))
    properties = {"order_id": f"order-{rng.getrandbits(32):08x}", "items": [_TITLES[path] for path in items]}
    revenue = round(sum(_PRICES[path] for path in items), 2)
    return {"event_type": REVENUE, "revenue": revenue, "currency": someone.currency, "properties": properties}


def _next_page(path: str, rng: Random) -> str | None:
    shares = _NEXT[path]
    leaves = 100 - sum(shares.values())
    return rng.choices([*shares, None], [*shares.values(), leaves])[0]


def _device_fields(someone: Person) -> dict[str, Any]:
    fields = {
        "device_id": someone.device_id,
        "platform": someone.platform,
        "os": someone.os,
        "browser": someone.browser,
        "device_type": someone.device_type,
        "country": someone.country,
        "locale": someone.locale,
        "app_version": someone.app_version,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _pause(rng: Random) -> float:
    return rng.expovariate(1 / _SECONDS_ON_A_PAGE)


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))
