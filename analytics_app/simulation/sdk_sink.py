"""Simulated events through an official SDK: Segment's for Python, when it is installed."""

from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Any, Final

import msgspec

from analytics_app.simulation.sending import Message, SendResult, Sink, SinkError

_INSTALL: Final = "The sdk sink needs Segment's SDK: pip install segment-analytics-python."
_QUEUE: Final = 100_000
_UPLOAD: Final = 100


class SdkSink(Sink):
    """Hands each event to the SDK and waits until it has sent them; what it gives up is tried again."""

    source = None

    def __init__(self, url: str, write_key: str) -> None:
        try:
            client: Callable[..., Any] = import_module("segment.analytics.client").Client
        except ImportError:
            raise SinkError(_INSTALL) from None
        self._failed: dict[str, str] = {}
        self._client = client(
            write_key, host=url.rstrip("/"), on_error=self._on_error, max_queue_size=_QUEUE, upload_size=_UPLOAD
        )

    def send(self, messages: list[Message]) -> SendResult:
        self._failed.clear()
        by_id = {}
        for message in messages:
            event = msgspec.json.decode(message[1])
            by_id[event["event_id"]] = message
            self._hand_over(event)
        self._client.flush()
        retry = [by_id[event_id] for event_id in self._failed if event_id in by_id]
        return SendResult(
            accepted=len(messages) - len(retry),
            retry=retry,
            retry_after=1.0 if retry else 0.0,
            problem=next(iter(self._failed.values()), ""),
        )

    def close(self) -> None:
        self._client.shutdown()

    def _on_error(self, error: Exception, batch: list[dict[str, Any]]) -> None:
        """Called by the SDK's thread with what it gives up."""
        self._failed |= {event["messageId"]: str(error) for event in batch}

    def _hand_over(self, event: dict[str, Any]) -> None:
        """As a site would call it. SIGN_IN and the like are tracked, for an identify call has no name of its own."""
        common = {
            "anonymous_id": event["device_id"],
            "user_id": event.get("user_id"),
            "timestamp": datetime.fromisoformat(event["created_on"]),
            "message_id": event["event_id"],
            "context": _context(event),
        }
        properties = event.get("properties", {})
        for name in ("revenue", "currency"):
            if name in event:
                properties[name] = event[name]
        match event["kind"]:
            case "page":
                self._client.page(name=event["page_title"], properties=properties, **common)
            case "screen":
                self._client.screen(name=event["page_title"], properties=properties, **common)
            case _:
                self._client.track(event=event["event_type"], properties=properties, **common)


def _context(event: dict[str, Any]) -> dict[str, Any]:
    columns = {
        "app": {"version": "app_version"},
        "device": {"type": "platform"},
        "location": {"country": "country"},
        "page": {"url": "page_url", "path": "page_path", "title": "page_title", "referrer": "referrer"},
        "campaign": {"source": "utm_source", "medium": "utm_medium", "name": "utm_campaign"},
        "os": {"name": "os"},
    }
    groups = {
        group: {name: event[column] for name, column in of.items() if column in event} for group, of in columns.items()
    }
    more = {
        "locale": event.get("locale"),
        "sessionId": event.get("session_id"),
        "userAgent": event.get("context", {}).get("user_agent"),
    }
    return {name: value for name, value in (groups | more).items() if value}
