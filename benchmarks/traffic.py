"""The requests of a load, made beforehand: events of many devices, without event ids, so that the server makes them."""

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.servers import Server

_BATCH = 100
_DEVICES = 5000


@dataclass(frozen=True)
class Traffic:
    """Requests of `events` events each, and the status of their answers."""

    server: Server
    requests: list[bytes]
    expected: int = 202
    events: int = 1


def single_events(server: Server) -> Traffic:
    """One event per request. The peer takes them too."""
    bodies = (_json(client_event(number)) for number in range(_DEVICES))
    return Traffic(server, [_post(server, "/api/v1/events", body) for body in bodies])


def batches(server: Server) -> Traffic:
    """A list of 100 events per request."""
    requests = [_post(server, "/api/v1/events", _json(group)) for group in _groups(client_event)]
    return Traffic(server, requests, events=_BATCH)


def sdk_batches(server: Server) -> Traffic:
    """100 events per request as Segment's SDKs send them, with gzip."""
    key = base64.b64encode(f"{server.write_key}:".encode()).decode()
    headers = {"Authorization": f"Basic {key}", "Content-Encoding": "gzip"}
    sent = _now()
    bodies = (gzip.compress(_json({"batch": group, "sentAt": sent}), 6) for group in _groups(segment_track))
    requests = [_post(server, "/v1/batch", body, headers) for body in bodies]
    return Traffic(server, requests, expected=200, events=_BATCH)


def client_event(number: int) -> dict[str, Any]:
    """An event of a usual size in the contract's names, about 330 bytes; 430 on the topic."""
    return {
        "kind": "page",
        "event_type": "PAGE_VIEW",
        "device_id": f"device-{number % _DEVICES}",
        "session_id": f"session-{number % 20_000}",
        "created_on": _now(),
        "platform": "web",
        "os": "Android",
        "page_url": "https://shop.example.org/products/4711",
        "properties": {"product": number % 97, "colour": "blue"},
    }


def segment_track(number: int) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "anonymousId": f"device-{number % _DEVICES}",
        "timestamp": _now(),
        "context": {"page": {"url": "https://shop.example.org/products/4711"}, "library": {"name": "bench"}},
        "properties": {"product": number % 97, "colour": "blue"},
    }


def _groups(make: Callable[[int], dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [[make(number) for number in range(first, first + _BATCH)] for first in range(0, _DEVICES, _BATCH)]


def _post(server: Server, path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    lines = {
        "Host": f"127.0.0.1:{server.port}",
        "Authorization": f"Bearer {server.write_key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    } | (headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
