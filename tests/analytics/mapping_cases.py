"""What the tests of the mappings share: the tables of docs/mapping.md, and JSON of every shape."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from analytics_app.enrichment import enrich
from brokerlytics.event import Event
from brokerlytics.event_codec import client_event, complete

DOCUMENT = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text()
RECEIVED_ON = datetime(2026, 8, 22, 9, 30, 5, tzinfo=UTC)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
# The rules for user agents are loaded at the first use, and the machine may be busy.
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
Json = Any

_ROW = re.compile(r"\| `([^`]+)`(?: of (\w+))?(?:, without `[^`]+`)? \| `([^|]+)` \| `(\w+)` \| `([^|]+)` \|")


class Row(NamedTuple):
    """A row of the document: this value in the client's field becomes that value of the column."""

    field: str
    kind: str
    example: Json
    column: str
    stored: Json


def documented(section: str) -> list[Row]:
    """The rows of the table under the heading `section`."""
    table = DOCUMENT.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    found = [_ROW.fullmatch(line) for line in lines]
    assert all(found), "a row of the table cannot be read"
    return [
        Row(match[1], match[2] or "", msgspec.json.decode(match[3]), match[4], msgspec.json.decode(match[5]))
        for match in found
        if match
    ]


def put(item: dict[str, Any], path: str, value: Json) -> None:
    """Set the member at a dotted path."""
    *parents, name = path.split(".")
    for parent in parents:
        item = item.setdefault(parent, {})
    item[name] = value


def stored(fields: dict[str, Any]) -> Event:
    """The event that the rest of the way makes of a mapping's fields."""
    fields = {name: value for name, value in fields.items() if name != "_ip"}
    event = client_event(fields)
    enrich(event, user_agent=CHROME, country="DE")
    return complete(event, event_id="made", received_on=RECEIVED_ON)


def leaves(value: Json) -> Iterator[str]:
    """The texts, numbers and truth values of a JSON value, as text; nulls and empty texts are none."""
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from leaves(member)
    elif value is not None and value != "":
        yield str(value)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.just("\x00\ud800")
JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def objects(names: list[str], values: st.SearchStrategy[Json] = JSON) -> st.SearchStrategy[dict[str, Json]]:
    """Objects with some of `names`, and others."""
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=8), values, max_size=8)
