"""What the server finds out of an event that its client did not say."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from analytics_app.mapping.values import LONGEST, free_name, text
from analytics_app.user_agents import BOT, UserAgent, read_user_agent

FLAGS: Final = "flags"
_IN_ORDER: Final = ("userAgent", "user_agent", "$raw_user_agent")
_NAMES: Final = frozenset(_IN_ORDER)
# Servers' SDKs and scripts send events for others: what they run on says nothing of the one it is about.
_BROWSER: Final = "Mozilla/"
_UTM: Final = ("utm_source", "utm_medium", "utm_campaign")
_MOST_PARAMETERS: Final = 200
# Addresses; each may have 4,096 characters.
_KEPT: Final = 2000


def enrich(fields: dict[str, Any], *, user_agent: str, country: str | None) -> None:
    """Fill columns that have no value, in place; takes fields of any type and raises nothing.

    The event's own user agent counts, else the request's if it is a browser's: it gives `os`, `browser` and
    `device_type`. A bot has "bot" in `context["flags"]`. `page_url` gives `page_path` and the UTM columns.

    Args:
        fields: in the names of the event contract, before `build_event`.
        user_agent: of the request.
        country: that the client's address lies in.
    """
    agent = _own_user_agent(fields) or (user_agent if user_agent.startswith(_BROWSER) else "")
    if agent:
        _describe(fields, read_user_agent(agent))
    if country and not fields.get("country"):
        fields["country"] = country
    url = fields.get("page_url")
    if url and isinstance(url, str) and (not fields.get("page_path") or "utm_" in url):
        _read_url(fields, url)


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


def _own_user_agent(fields: Mapping[str, Any]) -> str:
    for holder in (fields.get("context"), fields.get("properties"), fields):
        if isinstance(holder, dict) and not _NAMES.isdisjoint(holder):
            for name in _IN_ORDER:
                said = holder.get(name)
                if isinstance(said, str) and said:
                    return said
    return ""


def _describe(fields: dict[str, Any], agent: UserAgent) -> None:
    for name, value in zip(agent._fields, agent, strict=True):
        if value and not fields.get(name):
            fields[name] = value
    context = fields.get("context")
    if agent.device_type == BOT and (context is None or isinstance(context, dict)):
        context = dict(context or {})
        add_flag(context, BOT)
        fields["context"] = context


def _read_url(fields: dict[str, Any], url: str) -> None:
    # An address that has more than fits is refused later, or was cut by its mapping.
    if len(url) > LONGEST["page_url"]:
        return
    for name, value in _columns(url):
        if not fields.get(name):
            fields[name] = value


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
