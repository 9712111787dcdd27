"""Events as clients send them, good and odd, and lists of them: for the tests that compare both ways of the way in."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st

from benchmarks.traffic import client_event
from brokerlytics.event import FIELDS, KINDS
from tests.contracts.plain_events import simulated

NOW: Final = datetime(2026, 8, 22, 9, 30, 12, 345_000, tzinfo=UTC)
TIME: Final = "2026-08-22T09:30:11.123Z"
GOOD: Final[dict[str, Any]] = {"event_type": "A", "device_id": "d"}
CHROME: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
BOT: Final = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
AGENTS: Final = ("", "curl/8.5.0", CHROME, BOT)
TIMES: Final = (
    *(TIME, "2026-08-22T09:30:11Z", "2026-08-22T09:30:11.000Z", "2026-08-22T09:30:11.123999Z"),
    *("2026-08-22T09:30:11+00:00", "2026-08-22T09:30:11.000999+00:00", "2026-08-22T09:30:11.123456+00:00"),
    *("2026-08-22T09:35:12.345Z", "2026-08-22T09:35:12.345999Z", "2026-08-22T09:35:12.346Z", "2026-08-22T09:35:13Z"),
    *("2026-08-22T11:30:11+02:00", "2026-08-22T09:30:11-00:00", "2026-08-22T09:30:11.123456789Z", "2026-08-22"),
    *("2024-02-29T23:59:59Z", "2023-02-29T00:00:00Z", "1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "never", "Z"),
    *("2026-08-22t09:30:11z", "2026-08-22 09:30:11Z", "+00:00", "2026-08-22T09:30:11", "2026-08-22T09:30:60Z", ""),
)
URLS: Final = (
    *("https://shop.example/p/1", "http://shop.example", "https://shop.example?x=1", "https://shop.example#top"),
    *("https://shop.example/a;b?c=/d#e?f", "https://a.example:x/p", "https://u:p@a.example/%41", "https:///p", "/p?q"),
    *("HTTPS://a.example/p", "https://[::1]/p", "https://[::1", "https://ä.example/p", "https://a.example/ä", "page"),
    *("https://a.example/ x", " https://a.example/", "https://a.example/\t", "//a.example/p", "app://home", "https://"),
    *("https://a.example/?utm_source=x&utm_medium=%20", "https://utm_.example/", "https://a.example/_utm-/utm", "\\"),
    *("https://a.example/\x7f", "https://a.example/\\", 'https://a.example/"', "https://a.example/" + "x" * 3000),
)
NAMES: Final = ("ip", "_ip", "userAgent", "user_agent", "$raw_user_agent", "revenue", "currency", "flags", "é", "")
TEXT: Final = st.text(max_size=12) | st.sampled_from(
    ["", "a,b", 'q"q', "\\", "\n", "\0", "\ud800", "x" * 101, "ü" * 201]
)
NUMBERS: Final = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | st.sampled_from([0, 5, 19.9, -0.0, 1e12, 1.23456789, 1e-7, 10**25, True])
)
SIMPLE: Final = st.none() | st.booleans() | NUMBERS | TEXT
JSON: Final = st.recursive(SIMPLE, lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXT, part, max_size=3))
OBJECTS: Final = st.dictionaries(st.sampled_from(NAMES) | TEXT, st.sampled_from([*AGENTS, 5, "EUR"]) | JSON, max_size=3)
_VALUES: Final[dict[str, st.SearchStrategy[Any]]] = {
    "time": st.sampled_from(TIMES),
    "kind": st.sampled_from([*KINDS, "other"]),
    "currency": st.sampled_from(["EUR", "eur", "E1"]),
    "number": NUMBERS,
    "object": OBJECTS,
}


def _field(name: str, kind: str) -> st.SearchStrategy[tuple[str, Any]]:
    odd: st.SearchStrategy[Any] = st.sampled_from([None, "", 5, [], {}])
    usual = st.sampled_from(URLS) if name == "page_url" else _VALUES.get(kind, TEXT)
    return st.tuples(st.just(name), usual | usual | usual | odd)


CHANGES: Final = st.lists(
    st.one_of(
        *(_field(field.name, field.type) for field in FIELDS),
        *(st.tuples(st.just(name), TEXT | st.sampled_from(TIMES)) for name in ("sent_on", "write_key", "ip", "other")),
        st.tuples(st.just("v"), st.sampled_from([1, 1, 1, 2, "1", None])),
    ),
    max_size=5,
)
EVENTS: Final = CHANGES.map(lambda changes: GOOD | dict(changes)) | st.just(GOOD)
# How clients write JSON.
STYLES: Final[Sequence[dict[str, Any]]] = (
    {"separators": (",", ":"), "ensure_ascii": False},
    {"separators": (",", ":")},
    {},
    {"indent": 1, "ensure_ascii": False},
)


def written(events: Any, style: dict[str, Any]) -> bytes:
    return json.dumps(events, **style).encode("utf-8", "surrogatepass")


def usual_bodies() -> list[bytes]:
    """Lists of events that nothing is wrong with, in each style."""
    sent = [json.loads(value) for value in simulated()[:60]]
    for index, event in enumerate(sent):
        for name in ("v", "source", "received_on", "original_created_on", "event_id"):
            del event[name]
        event["created_on"] = TIME
        if index % 8:
            # The user agent there is for the rules.
            event.pop("context", None)
    lists = [sent[start : start + 4] for start in range(0, len(sent), 4)]
    lists.append([client_event(number) | {"created_on": TIME, "event_id": f"id-{number}"} for number in range(3)])
    return [written(events, style) for events in lists for style in STYLES]
