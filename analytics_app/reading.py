"""What a request's JSON holds in each protocol: its events, what they share, and the write key if it is in there."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from analytics_app.body import UnreadableEvent
from analytics_app.endpoints import Endpoint, Protocol
from analytics_app.mapping.posthog import posthog_event
from analytics_app.mapping.segment import segment_event
from brokerlytics.event import InvalidEventError, Reason
from brokerlytics.timestamps import from_milliseconds

_KEYS: Final[Mapping[Protocol, tuple[str, ...]]] = {
    "native": ("write_key",),
    "segment": ("writeKey",),
    "posthog": ("api_key", "token"),
}


class Reading(msgspec.Struct, frozen=True):
    """The events of a request, not checked yet. `shared` are the members of the object around a list of them."""

    endpoint: Endpoint
    items: list[Any]
    shared: dict[str, Any]

    def fields(self, item: Any) -> dict[str, Any]:
        """One of `items` in the names of the event contract. Raises InvalidEventError."""
        if isinstance(item, UnreadableEvent):
            raise InvalidEventError(Reason.INVALID_VALUE, item.message)
        if not isinstance(item, dict):
            raise InvalidEventError(Reason.NOT_AN_OBJECT, "An event must be a JSON object.")
        return _MAPPINGS[self.endpoint.protocol](item, self)

    def write_key(self) -> str:
        """The key that the body carries, or nothing."""
        first = self.items[0] if self.items else None
        properties = first.get("properties") if isinstance(first, dict) else None
        for holder in (self.shared, first, properties):
            if not isinstance(holder, dict):
                continue
            for name in _KEYS[self.endpoint.protocol]:
                if isinstance(key := holder.get(name), str) and key:
                    return key
        return ""


def read(value: Any, endpoint: Endpoint, query: str = "") -> Reading:
    """Find the events in a request's JSON: those of a list, those in `batch`, or the one object."""
    # Older browser SDKs of PostHog say in the URL when they sent, and in each event only how long before it was.
    said = {"sent_at": sent} if endpoint.protocol == "posthog" and (sent := _sent_at(query)) else {}
    if isinstance(value, list):
        return Reading(endpoint, value, said)
    if endpoint.protocol != "native" and isinstance(value, dict) and isinstance(value.get("batch"), list):
        return Reading(endpoint, value["batch"], said | {name: item for name, item in value.items() if name != "batch"})
    return Reading(endpoint, [value], said)


def _sent_at(query: str) -> datetime | str | None:
    try:
        fields = parse_qs(query, max_num_fields=1000)
        if "sent_at" in fields:
            return fields["sent_at"][0]
        return from_milliseconds(int(fields["_"][0])) if "_" in fields else None
    except (ValueError, OverflowError, OSError):
        return None


def _native(item: dict[str, Any], _reading: Reading) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "write_key"} if "write_key" in item else dict(item)


def _segment(item: dict[str, Any], reading: Reading) -> dict[str, Any]:
    return segment_event(item, kind=reading.endpoint.kind, batch=reading.shared)


def _posthog(item: dict[str, Any], reading: Reading) -> dict[str, Any]:
    return posthog_event(item, batch=reading.shared)


_MAPPINGS: Final[Mapping[Protocol, Callable[[dict[str, Any], Reading], dict[str, Any]]]] = {
    "native": _native,
    "segment": _segment,
    "posthog": _posthog,
}
