"""The Segment HTTP tracking API, which RudderStack speaks too, in the names of the event contract.

https://segment.com/docs/connections/spec/
"""

from collections.abc import Mapping
from typing import Any, Final

from analytics_app.mapping import platforms
from analytics_app.mapping.context import keep, take_context
from analytics_app.mapping.values import (
    NOTHING,
    event_id,
    event_name,
    fill,
    identity,
    moment,
    name_and_version,
    optional_id,
    part,
    sent_on,
)
from brokerlytics.event import KINDS, InvalidEventError, Reason

# What calls without a name of their own are called.
EVENT_TYPES: Final = {
    "page": "PAGE_VIEW",
    "screen": "SCREEN_VIEW",
    "identify": "IDENTIFY",
    "group": "GROUP",
    "alias": "ALIAS",
}
# Column by column: the client's name, the column's.
PAGE_COLUMNS: Final = (
    ("url", "page_url"),
    ("path", "page_path"),
    ("title", "page_title"),
    ("referrer", "referrer"),
)
# The same of what the context holds under a name.
CONTEXT_COLUMNS: Final = (
    ("page", PAGE_COLUMNS),
    ("referrer", (("url", "referrer"),)),
    ("campaign", (("source", "utm_source"), ("medium", "utm_medium"), ("name", "utm_campaign"))),
    ("location", (("country", "country"),)),
)
APP_COLUMNS: Final = (("version", "app_version"),)
_DIRECT: Final = (("locale", "locale"), ("referrer", "referrer"))
_TITLE: Final = (("name", "page_title"),)
# Only in beacons and pixels is the write key a member of the item.
_CREDENTIALS: Final = ("writeKey",)
# RudderStack's browser SDK gives its own version as that of the app, as long as the page does not say another.
_SDK_AS_APP: Final = "com.rudderlabs."
# RudderStack's `channel`, where the library tells nothing.
_CHANNELS: Final = ("web", "server")


def segment_event(
    item: Mapping[str, Any], *, kind: str | None = None, batch: Mapping[str, Any] = NOTHING
) -> dict[str, Any]:
    """Map one event to the fields that `build_event` takes.

    Args:
        item: the decoded JSON object. It is not changed; the result shares what is nested in it.
        kind: which call it is, where the path says it; else the item's `type` does.
        batch: the members of the object around a list of items, other than the list.

    Returns:
        Columns, `properties` and `context`, which holds all that has no column. `_ip` is the client's address, if it
        said one: take it off, it is never stored. Columns taken from `context` or `properties` are cut to fit.

    Raises:
        InvalidEventError: in the client's names: without an identity or a name, of a kind or at a time that cannot be.
    """
    rest = dict(item)
    for name in _CREDENTIALS:
        rest.pop(name, None)
    kind = _kind(rest, kind)
    fields: dict[str, Any] = {"kind": kind}
    context = take_context(fields, rest, batch)
    properties = _properties(kind, rest, context)
    _name_event(fields, kind, rest, properties)
    _identify(fields, rest, context)
    _date(fields, rest, batch)
    _fill_columns(fields, properties, context, rest.get("channel"))
    keep(context, rest)
    fields["properties"] = properties
    fields["context"] = context
    return fields


def _kind(rest: dict[str, Any], kind: str | None) -> str:
    said = rest.get("type")
    if kind is None:
        if said is None or said == "":
            raise InvalidEventError(Reason.MISSING_FIELD, "type is required: which call it is.", "type")
        if not isinstance(said, str):
            raise InvalidEventError(Reason.INVALID_TYPE, "type must be a string.", "type")
        if said not in KINDS:
            raise InvalidEventError(Reason.INVALID_VALUE, f"type must be one of {', '.join(KINDS)}.", "type")
        kind = said
    if said == kind:
        del rest["type"]
    return kind


def _properties(kind: str, rest: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """What the event says of itself, as a dict that may be changed: of a person or a group these are the traits."""
    name = "properties" if kind in ("track", "page", "screen") else "traits"
    said = rest.pop(name, None)
    if said is None and kind == "identify":
        # There RudderStack's SDKs put them.
        said = context.get("traits")
        said = said if isinstance(said, dict) else None
    if isinstance(said, dict):
        return said.copy()
    if said is not None:
        rest[name] = said
    return {}


def _name_event(fields: dict[str, Any], kind: str, rest: dict[str, Any], properties: dict[str, Any]) -> None:
    if kind == "track":
        fields["event_type"] = event_name(rest.pop("event", None), "event")
        return
    fields["event_type"] = EVENT_TYPES[kind]
    if kind in ("page", "screen"):
        for name in ("name", "category"):
            if rest.get(name) is not None and properties.get(name) is None:
                properties[name] = rest.pop(name)


def _identify(fields: dict[str, Any], rest: dict[str, Any], context: dict[str, Any]) -> None:
    fields["event_id"] = event_id(rest.pop("messageId", None), "messageId", rest)
    user = identity(rest.pop("userId", None), "userId")
    anonymous = identity(rest.pop("anonymousId", None), "anonymousId")
    if anonymous is None:
        anonymous = optional_id(part(context, "device").get("id"))
    if user is None and anonymous is None:
        raise InvalidEventError(Reason.MISSING_FIELD, "userId or anonymousId is required.", "userId")
    fields["user_id"] = user
    fields["device_id"] = anonymous
    for name, stored in (("groupId", "group_id"), ("previousId", "previous_id")):
        if name in rest and stored not in rest:
            rest[stored] = rest.pop(name)


def _date(fields: dict[str, Any], rest: dict[str, Any], batch: Mapping[str, Any]) -> None:
    timestamp = moment(rest.pop("timestamp", None), "timestamp")
    said = rest.pop("originalTimestamp", None)
    original = moment(said, "originalTimestamp")
    fields["created_on"] = timestamp or original
    if timestamp and original and rest.get("receivedAt"):
        # An event out of an archive: a server has corrected its time already.
        fields["original_created_on"] = original
        return
    fields["original_created_on"] = timestamp or original
    if timestamp and original:
        # RudderStack's Node SDK: when the event happened, and when the SDK was called.
        rest["originalTimestamp"] = said
    fields["sent_on"] = sent_on(rest, batch)


def _fill_columns(fields: dict[str, Any], properties: dict[str, Any], context: dict[str, Any], channel: Any) -> None:
    is_page = fields["kind"] == "page"
    if is_page:
        fill(fields, properties, PAGE_COLUMNS)
    for name, columns in CONTEXT_COLUMNS:
        if name in context and (source := part(context, name)):
            fill(fields, source, columns)
    fill(fields, context, _DIRECT)
    if is_page:
        fill(fields, properties, _TITLE)
    session = context.get("sessionId") or properties.get("session_id") or properties.get("sessionId")
    if session and (session_id := optional_id(session)):
        fields["session_id"] = session_id
    if "app" in context:
        _fill_app(fields, part(context, "app"), part(context, "library"))
    _fill_system(fields, context, channel)


def _fill_app(fields: dict[str, Any], app: Mapping[str, Any], library: Mapping[str, Any]) -> None:
    namespace = app.get("namespace")
    sdk_as_app = isinstance(namespace, str) and namespace.startswith(_SDK_AS_APP)
    if not (sdk_as_app and app.get("version") == library.get("version")):
        fill(fields, app, APP_COLUMNS)


def _fill_system(fields: dict[str, Any], context: dict[str, Any], channel: Any) -> None:
    device = part(context, "device")
    system = part(context, "os")
    device_type, name = device.get("type"), system.get("name")
    fields["platform"] = (
        platforms.of_system(device_type)
        or platforms.of_library(part(context, "library").get("name"))
        or platforms.of_system(name)
        or (channel if channel in _CHANNELS else None)
    )
    fields["device_type"] = platforms.device_type(device_type, device.get("model"))
    fields["os"] = name_and_version(name, system.get("version"))
