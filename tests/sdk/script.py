"""The script of calls that every SDK sends: each kind of call, and what may go wrong in a value."""

from datetime import datetime, timedelta
from typing import Any, Final

Call = dict[str, Any]

DAYS_AGO: Final = timedelta(days=3)
PAGE: Final = {
    "url": "https://shop.example/prices?utm_source=news&utm_medium=email&utm_campaign=spring#plans",
    "path": "/prices",
    "title": "Prices: Größe & Gewicht",
    "referrer": "https://search.example/?q=prices",
}
ORDER: Final = {
    "revenue": 19.99,
    "currency": "EUR",
    "text": 'größer, "größte"\r\nline two 😀',
    "products": [{"sku": "A-1", "price": 9.99, "tags": ["new", "été"]}, {"sku": "B-2", "price": 10.0}],
    "empty": None,
    "count": 3,
    "gift": True,
}
CONTEXT: Final = {
    "app": {"name": "Shop", "version": "3.1.4"},
    "locale": "de-DE",
    "os": {"name": "iOS", "version": "18.1"},
    "device": {"type": "mobile", "model": "iPhone16,2"},
    "campaign": {"source": "partner", "medium": "cpc", "name": "summer"},
    "timezone": "Europe/Berlin",
}


def script(run: str, now: datetime) -> list[Call]:
    """The calls of one run, numbered by `step`; `run` is in the ids of its user and its device."""
    signed_in = {"user_id": f"{run}-user", "anonymous_id": f"{run}-device"}
    anonymous = {"anonymous_id": f"{run}-device"}
    calls: list[Call] = [
        {"kind": "track", "name": "Visited", "properties": {}, **anonymous},
        {"kind": "alias", "name": "alias", "properties": {}, "previous_id": f"{run}-device", **signed_in},
        {"kind": "identify", "name": "identify", "properties": {"plan": "größe", "age": 41}, **signed_in},
        {"kind": "group", "name": "group", "properties": {"industry": "retail"}, "group_id": "acme", **signed_in},
        {"kind": "page", "name": "Prices", "properties": PAGE, **signed_in},
        {"kind": "screen", "name": "Home", "properties": {"tab": 2}, **signed_in},
        {"kind": "track", "name": "Order Completed", "properties": ORDER, **signed_in},
        {"kind": "track", "name": "With context", "properties": {}, "context": CONTEXT, **signed_in},
        {
            "kind": "track",
            "name": "Days ago",
            "properties": {},
            "timestamp": (now - DAYS_AGO).isoformat(),
            **signed_in,
        },
        *(
            {"kind": "track", "name": f"Step {number}", "properties": {"n": number}, **signed_in}
            for number in range(16)
        ),
    ]
    return [{"step": step, **call} for step, call in enumerate(calls)]


def for_posthog(calls: list[Call]) -> list[Call]:
    """The same calls in PostHog's words: its names of events, and its properties in place of a context."""
    return [{**call, **_POSTHOG.get(call["name"], {})} for call in calls]


_POSTHOG: Final[dict[str, Call]] = {
    "Prices": {
        "name": "$pageview",
        "properties": {
            "$current_url": PAGE["url"],
            "$pathname": PAGE["path"],
            "$title": PAGE["title"],
            "$referrer": PAGE["referrer"],
        },
    },
    "Home": {"name": "$screen", "properties": {"$screen_name": "Home", "tab": 2}},
    "With context": {
        "properties": {
            "$app_version": "3.1.4",
            "$locale": "de-DE",
            "$os": "iOS",
            "$os_version": "18.1",
            "$device_type": "Mobile",
            "utm_source": "partner",
            "utm_medium": "cpc",
            "utm_campaign": "summer",
        },
    },
}
