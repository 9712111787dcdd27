"""What a user agent tells: operating system, browser, kind of device."""

import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

from ua_parser import Parser, Result
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

from analytics_app.mapping.values import LONGEST, text

BOT: Final = "bot"
# Real ones are shorter; what is kept in memory is bounded with it.
LONGEST_USER_AGENT: Final = 512
_KEPT: Final = 10_000
_BROWSER: Final = ("Mozilla/", "Opera/")
# Programs that drive a browser, which ua-parser takes for the browser.
_DRIVEN: Final = re.compile("Headless|Lighthouse|PhantomJS")
# In this order: a TV may run Android, and a tablet's browser call itself mobile.
_DEVICE_TYPES: Final = (
    ("tv", re.compile(r"(?i:smart-?tv|appletv|googletv|hbbtv|netcast|web0s|roku|crkey|bravia)|\bTV\b|\bAFT[A-Z]")),
    ("console", re.compile("PlayStation|Xbox|Nintendo")),
    ("tablet", re.compile(r"iPad|Tablet(?! PC)|PlayBook|Kindle|Mozilla/\S+ \([^)]*Android(?!.*Mobi)")),
    ("mobile", re.compile("Mobi|iPhone|iPod|Android|Windows Phone|CFNetwork")),
    ("desktop", re.compile("Windows NT|Macintosh|X11|CrOS|Linux x86_64")),
)


class UserAgent(NamedTuple):
    """The columns that a user agent fills; None for what it does not tell."""

    os: str | None
    browser: str | None
    device_type: str | None


def read_user_agent(user_agent: str) -> UserAgent:
    """What `user_agent` tells. A bot's `device_type` is BOT; only what a browser sends has a `browser`."""
    user_agent = user_agent[:LONGEST_USER_AGENT]
    if not user_agent.isascii():
        # The parser takes no half of a surrogate pair.
        user_agent = user_agent.encode(errors="replace").decode()
    return _read(user_agent)


@lru_cache(_KEPT)
def _read(user_agent: str) -> UserAgent:
    found = _parser().parse(user_agent)
    browser = found.user_agent.family if found.user_agent and user_agent.startswith(_BROWSER) else None
    return UserAgent(_os(found), text(browser, LONGEST["browser"]), _device_type(user_agent, found))


@cache
def _parser() -> Parser:
    """Made at the first use: its rules take a quarter of a second to load."""
    return Parser(Resolver(load_lazy_builtins()))


def _os(found: Result) -> str | None:
    if found.os is None:
        return None
    version = ".".join(part for part in (found.os.major, found.os.minor) if part)
    return text(f"{found.os.family} {version}".strip(), LONGEST["os"])


def _device_type(user_agent: str, found: Result) -> str | None:
    if (found.device and found.device.family == "Spider") or _DRIVEN.search(user_agent):
        return BOT
    return next((name for name, pattern in _DEVICE_TYPES if pattern.search(user_agent)), None)
