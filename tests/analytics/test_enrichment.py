"""What is found out of user agent, page address and flags, and what is left alone."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_app.enrichment import add_flag, enrich
from analytics_app.user_agents import LONGEST_USER_AGENT, read_user_agent
from brokerlytics.event import NEVER, InvalidEventError
from brokerlytics.event_codec import client_event
from tests.analytics.mapping_cases import ANY_SPEED, CHROME, DOCUMENT, JSON

SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


GOOD = {"event_type": "A", "device_id": "d"}


def enriched(fields: dict[str, Any], user_agent: str = "", country: str | None = None) -> dict[str, Any]:
    """What is there beside GOOD."""
    event = client_event(GOOD | fields)
    enrich(event, user_agent=user_agent, country=country)
    found = msgspec.structs.asdict(event)
    return {name: value for name, value in found.items() if value not in ("", None, {}, NEVER) and name not in GOOD}


@pytest.mark.parametrize(
    ("user_agent", "found"),
    [
        (CHROME, ("Windows 10", "Chrome", "desktop")),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Version/17.4 Safari/605.1.15",
            ("Mac OS X 10.15", "Safari", "desktop"),
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            ("Ubuntu", "Firefox", "desktop"),
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) {SAFARI} Version/17.1 Mobile/15E148 Safari/604.1",
            ("iOS 17.1", "Mobile Safari", "mobile"),
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {SAFARI} Version/16.6 Mobile/15E148 Safari/604.1",
            ("iOS 16.6", "Mobile Safari", "tablet"),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
            ("Android 14", "Chrome Mobile", "mobile"),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 13; SM-X700) {WEBKIT} Chrome/126.0.0.0 Safari/537.36",
            ("Android 13", "Chrome", "tablet"),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 9; AFTMM) {WEBKIT} Chrome/100 Safari/537.36",
            ("Android 9", "Android", "tv"),
        ),
        (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {WEBKIT} Chrome/79.0 Safari/537.36", ("Web0S", "Chrome", "tv")),
        ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UD1A)", ("Android 14", None, "mobile")),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/126.0", ("Chrome OS 14541.0", "Chrome", "desktop")),
        (GOOGLEBOT, (None, "Googlebot", "bot")),
        (f"Mozilla/5.0 {WEBKIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot)", (None, "GPTBot", "bot")),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/126.0 Safari/537.36",
            ("Linux", "HeadlessChrome", "bot"),
        ),
        ("Mozilla/5.0 (PlayStation 5 3.11) AppleWebKit/605.1.15 (KHTML, like Gecko)", (None, "Apple Mail", "console")),
        ("analytics-python/2.4.0", (None, None, None)),
        ("python-requests/2.32", (None, None, None)),
        ("", (None, None, None)),
        ("Mozilla/5.0 (\x00\ud800", (None, None, None)),
    ],
)
def test_a_user_agent_tells(user_agent: str, found: tuple[str | None, ...]) -> None:
    assert tuple(read_user_agent(user_agent)) == found
    assert found[2] is None or f" {found[2]}" in DOCUMENT.split("`device_type` is")[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"context": {"userAgent": CHROME}},
        {"context": {"user_agent": CHROME}},
        {"properties": {"$raw_user_agent": CHROME}},
    ],
)
def test_the_events_own_user_agent_counts(fields: dict[str, Any]) -> None:
    # The request's is that of a bot.
    found = enriched(fields, GOOGLEBOT)
    assert found == fields | {"os": "Windows 10", "browser": "Chrome", "device_type": "desktop"}


def test_the_requests_user_agent_counts_only_if_a_browser_sent_it() -> None:
    assert enriched({}, CHROME)["browser"] == "Chrome"
    assert enriched({"context": {"userAgent": 5}}, CHROME)["browser"] == "Chrome"
    assert enriched({"user_agent": CHROME})["browser"] == "Chrome"
    for program in ("python-requests/2.32", "curl/8.1", "Googlebot/2.1", "Dalvik/2.1.0 (Linux; U; Android 14)", ""):
        assert enriched({}, program) == {}


def test_what_the_client_said_stays() -> None:
    said = {
        "os": "iOS",
        "browser": "Own",
        "device_type": "watch",
        "country": "FR",
        "page_path": "/own",
        "utm_source": "x",
    }
    assert enriched(said | {"page_url": "https://a.example/b?utm_source=y"}, CHROME, "DE") == said | {
        "page_url": "https://a.example/b?utm_source=y"
    }
    assert enriched({"os": "", "country": None}, CHROME, "DE") == {
        "os": "Windows 10",
        "browser": "Chrome",
        "device_type": "desktop",
        "country": "DE",
    }


def test_a_bot_is_flagged_and_kept() -> None:
    event = enriched({"context": {"flags": ["own"], "page": {}}}, GOOGLEBOT)
    assert event["context"] == {"flags": ["own", "bot"], "page": {}}
    assert (event["device_type"], event["browser"]) == ("bot", "Googlebot")
    said_otherwise = enriched({"device_type": "desktop"}, GOOGLEBOT)
    assert (said_otherwise["device_type"], said_otherwise["context"]) == ("desktop", {"flags": ["bot"]})
    assert "context" not in enriched({}, CHROME)


def test_a_user_agent_of_any_length_is_read_to_a_bound() -> None:
    assert read_user_agent(CHROME + "x" * 1_000_000) == read_user_agent((CHROME + "x" * 1000)[:LONGEST_USER_AGENT])
    assert read_user_agent(CHROME + "x" * 1_000_000).browser == "Chrome"


@pytest.mark.parametrize(
    ("flags", "context"),
    [
        (None, {"flags": ["bot"]}),
        ([], {"flags": ["bot"]}),
        (["bot"], {"flags": ["bot"]}),
        (["future"], {"flags": ["future", "bot"]}),
        ("bot", {"flags": ["bot"], "_flags": "bot"}),
        ([{"a": 1}], {"flags": ["bot"], "_flags": [{"a": 1}]}),
        ({"a": 1}, {"flags": ["bot"], "_flags": {"a": 1}}),
    ],
)
def test_a_flag_is_added_whatever_is_there(flags: Any, context: dict[str, Any]) -> None:
    holder = {} if flags is None else {"flags": flags}
    add_flag(holder, "bot")
    assert holder == context
    holder = {"flags": 1, "_flags": 2}
    add_flag(holder, "bot")
    assert holder == {"flags": ["bot"], "_flags": 2, "__flags": 1}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.example/b/c?q=1#d", {"page_path": "/b/c"}),
        ("https://a.example", {"page_path": "/"}),
        ("https://a.example?x=1", {"page_path": "/"}),
        ("/prices?x", {"page_path": "/prices"}),
        ("capacitor://localhost/home", {"page_path": "/home"}),
        (
            "https://a.example/?utm_source=news%20letter&utm_medium=e&utm_campaign=%C3%BC&utm_term=t",
            {"page_path": "/", "utm_source": "news letter", "utm_medium": "e", "utm_campaign": "ü"},
        ),
        ("https://a.example/?utm_source=&utm_medium=m", {"page_path": "/", "utm_medium": "m"}),
        ("https://a.example/?utm_source=a%00b", {"page_path": "/"}),
        ("https://a.example/?utm_source=" + "x" * 600, {"page_path": "/", "utm_source": "x" * 500}),
        ("https://a.example/" + "x" * 3000, {"page_path": ("/" + "x" * 3000)[:2048]}),
        ("https://a.example/?utm_source=a" + "&b=1" * 300, {}),
        ("https://[::1/", {}),
        ("about:blank", {}),
    ],
)
def test_an_address_gives_path_and_campaign(url: str, found: dict[str, str]) -> None:
    assert enriched({"page_url": url}) == {"page_url": url, **found}


INNER = ["userAgent", "user_agent", "$raw_user_agent", "flags"]
OBJECT = st.dictionaries(st.sampled_from(INNER), JSON | st.just(GOOGLEBOT))
ADDRESS = st.text(max_size=100) | st.text(max_size=100).map("https://a/?utm_source=".__add__)


@ANY_SPEED
@given(
    st.fixed_dictionaries({}, optional={"context": OBJECT, "properties": OBJECT, "page_url": ADDRESS, "os": ADDRESS}),
    st.text() | st.text().map("Mozilla/".__add__),
)
def test_nothing_that_a_client_sends_raises_or_is_lost(fields: dict[str, Any], user_agent: str) -> None:
    try:
        client_event(GOOD | fields)
    except InvalidEventError:
        return
    found = enriched(fields, user_agent)
    for name, value in fields.items():
        if name == "context":
            assert set(value) <= set(found.get(name, {}))
        elif value:
            assert found[name] == value
