"""Requests with events, as a server hands them to `collect`, and one good event for each protocol."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from analytics_app.collect import CollectRequest, Reply, collect
from analytics_app.endpoints import ENDPOINTS, Endpoint, Protocol

NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
GOOD: Final[Mapping[Protocol, dict[str, Any]]] = {
    "native": {"event_type": "A", "device_id": "d"},
    "segment": {"type": "track", "event": "A", "anonymousId": "d"},
    "posthog": {"event": "A", "distinct_id": "d"},
}
# The name of the write key in a body.
KEY_NAME: Final[Mapping[Protocol, str]] = {"native": "write_key", "segment": "writeKey", "posthog": "api_key"}


def good(endpoint: Endpoint) -> dict[str, Any]:
    """An event that the endpoint takes."""
    event = GOOD[endpoint.protocol]
    return event | {"type": endpoint.kind} if endpoint.kind else event


def encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def make_request(
    path: str, body: Any = b"", *, key: str = "", query: str = "", headers: Mapping[str, str] | None = None
) -> CollectRequest:
    """`body` is sent as JSON if it is not bytes, `key` as X-Write-Key."""
    endpoint = ENDPOINTS[path]
    given = {name.lower(): value for name, value in (headers or {}).items()}
    if key:
        given["x-write-key"] = key
    return CollectRequest(endpoint, endpoint.methods[0], query, given.get, encoded(body))


def send(path: str, body: Any = b"", *, now: float = 0.0, **more: Any) -> Reply:
    """The reply to `make_request`."""
    return collect(make_request(path, body, **more), NOW, now)
