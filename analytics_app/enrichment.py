"""What the server finds out of an event that its client did not say."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from analytics_app.mapping.values import LONGEST, free_name, text
from analytics_app.user_agents import BOT, UserAgent, read_user_agent
from brokerlytics.event import Event

FLAGS: Final = "flags"
_IN_ORDER: Final = ("userAgent", "user_agent", "$raw_user_agent")
USER_AGENT_NAMES: Final = frozenset(_IN_ORDER)
# Servers' SDKs and scripts send events for others: what they run on says nothing of the one it is about.
_BROWSER: Final = "Mozilla/"
_UTM: Final = ("utm_source", "utm_medium", "utm_campaign")
_MOST_PARAMETERS: Final = 200
# Addresses; each may have 4,096 characters.
_KEPT: Final = 2000


def enrich(event: Event, *, user_agent: str, country: str | None) -> None:
    """Fill columns that have no value, in place; raises nothing.

    The event's own user agent counts, else the request's if it is a browser's: it gives `os`, `browser` and
    `device_type`. A bot has "bot" in `context["flags"]`. `page_url` gives `page_path` and the UTM columns.

    Args:
        event: with what its client said.
        user_agent: of the request.
        country: that the client's address lies in.
    """
    agent = _own_user_agent(event) or _browser(user_agent)
    if agent:
        _describe(event, read_user_agent(agent))
    if country and not event.country:
        event.country = country
    url = event.page_url
    if url and (not event.page_path or "utm_" in url):
        _fill(event, _columns(url))


def columns_of_request(user_agent: str, country: str | None) -> tuple[tuple[str, str], ...] | None:
    """What `enrich` gives to events that say nothing of it themselves: pairs of a column and its value.

    None for a bot's request, whose events are flagged as well.
    """
    columns = [("country", country)]
    if browser := _browser(user_agent):
        agent = read_user_agent(browser)
        if agent.device_type == BOT:
            return None
        columns += zip(agent._fields, agent, strict=True)
    return tuple((name, value) for name, value in columns if value)


def add_flag(context: dict[str, Any], flag: str) -> None:
    """Add to the flags of a context, once. What a client has there that is no list of texts moves to `_flags`."""
    flags = context.get(FLAGS)
    if flags is None:
        context[FLAGS] = [flag]
    elif not isinstance(flags, list) or not all(isinstance(said, str) for said in flags):
        context[free_name(context, FLAGS)] = flags
        context[FLAGS] = [flag]
    elif flag not in flags:
        context[FLAGS] = [*flags, flag]


def _browser(user_agent: str) -> str:
    return user_agent if user_agent.startswith(_BROWSER) else ""


def _own_user_agent(event: Event) -> str:
    context, properties = event.context, event.properties
    if USER_AGENT_NAMES.isdisjoint(context) and USER_AGENT_NAMES.isdisjoint(properties):
        return ""
    values = (holder.get(name) for holder in (context, properties) for name in _IN_ORDER)
    return next((value for value in values if isinstance(value, str) and value), "")


def _describe(event: Event, agent: UserAgent) -> None:
    _fill(event, zip(agent._fields, agent, strict=True))
    if agent.device_type == BOT:
        add_flag(event.context, BOT)


def _fill(event: Event, columns: Iterable[tuple[str, str | None]]) -> None:
    for name, value in columns:
        if value and not getattr(event, name):
            setattr(event, name, value)


@lru_cache(_KEPT)
def _columns(url: str) -> Sequence[tuple[str, str]]:
    """What an address gives: pairs of a column and its value. The same ones come again and again."""
    try:
        parts = urlsplit(url)
        found = dict(_campaign(parts.query)) if "utm_" in parts.query else {}
    except ValueError:
        return ()
    if parts.netloc or parts.path.startswith("/"):
        found["page_path"] = parts.path or "/"
    values = {name: text(value, LONGEST[name]) for name, value in found.items()}
    return [(name, value) for name, value in values.items() if value]


def _campaign(query: str) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in parse_qsl(query, max_num_fields=_MOST_PARAMETERS) if name in _UTM)
