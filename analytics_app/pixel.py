"""`GET /pixel/v1/…`: the image in an e-mail or a page without scripts, whose URL is an event."""

import base64
import json
from typing import Any, Final
from urllib.parse import parse_qsl

from analytics_app.body import BodyTooLargeError

# A transparent GIF of one pixel.
GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_MAX_NAMES: Final = 1000
_KEYS: Final = {"writeKey", "write_key"}
_MEMBERS: Final = {
    "event",
    "name",
    "messageId",
    "userId",
    "anonymousId",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "context",
    "integrations",
    "properties",
}


def event_of_pixel(query: str) -> dict[str, Any]:
    """The event in a query string: the members of Segment's API by name, everything else is a property.

    A value that is a JSON object or list is read as one. Raises BodyError when there are too many names.
    """
    event: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_NAMES)
    except ValueError:
        raise BodyTooLargeError("body_too_large", f"The URL has more than {_MAX_NAMES} names.") from None
    for name, text in pairs:
        if name in _KEYS:
            continue
        (event if name in _MEMBERS else properties)[name] = _value(text)
    if properties:
        given = event.get("properties")
        event["properties"] = properties | given if isinstance(given, dict) else properties
    return event


def _value(text: str) -> Any:
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text
