"""The PostHog capture API in the names of the event contract. https://posthog.com/docs/api/capture"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from analytics_app.mapping import platforms
from analytics_app.mapping.context import keep, take_address, take_context
from analytics_app.mapping.values import (
    NOTHING,
    event_id,
    event_name,
    fill,
    identity,
    moment,
    name_and_version,
    optional_id,
    sent_on,
)
from brokerlytics.event import InvalidEventError, Reason
from brokerlytics.timestamps import EARLIEST, cut_to_milliseconds

# PostHog's own events: the kind, the name.
KNOWN_EVENTS: Final = {
    "$pageview": ("page", "PAGE_VIEW"),
    "$screen": ("screen", "SCREEN_VIEW"),
    "$identify": ("identify", "IDENTIFY"),
    "$create_alias": ("alias", "ALIAS"),
    "$groupidentify": ("group", "GROUP"),
}
# Property by property: the client's name, the column's; of two the first counts.
COLUMNS: Final = (
    ("$current_url", "page_url"),
    ("$pathname", "page_path"),
    ("$title", "page_title"),
    ("title", "page_title"),
    ("$browser", "browser"),
    ("$app_version", "app_version"),
    ("$locale", "locale"),
    ("$browser_language", "locale"),
    ("$geoip_country_code", "country"),
    ("$geoip_country_name", "country"),
    ("utm_source", "utm_source"),
    ("utm_medium", "utm_medium"),
    ("utm_campaign", "utm_campaign"),
)
_REFERRER: Final = (("$referrer", "referrer"),)
_NO_REFERRER: Final = "$direct"
_CREDENTIALS: Final = ("api_key", "token")
_ADDRESS: Final = ("$ip",)
# Ten years in milliseconds: later than any queue waits.
_LONGEST_OFFSET: Final = 315_360_000_000


def posthog_event(item: Mapping[str, Any], *, batch: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """Map one event to the fields that `build_event` takes.

    Args:
        item: the decoded JSON object. It is not changed; the result shares what is nested in it.
        batch: the members of the object around a list of items, other than the list. Without a time an event may
            have an `offset`, the milliseconds before `sent_at`: a client that says no `sent_at` means the time of
            receipt.

    Returns:
        Columns, `properties` and `context`, which holds all that has no column. `_ip` is the client's address, if it
        said one: take it off, it is never stored. Columns taken from `properties` are cut to fit.

    Raises:
        InvalidEventError: in the client's names: without an identity or a name, or at a time that cannot be.
    """
    rest = dict(item)
    said = rest.pop("properties", None)
    properties = said.copy() if isinstance(said, dict) else {}
    if said is not None and not isinstance(said, dict):
        rest["properties"] = said
    for name in _CREDENTIALS:
        rest.pop(name, None)
        properties.pop(name, None)
    event = event_name(rest.pop("event", None), "event")
    kind, event_type = KNOWN_EVENTS.get(event, ("track", event))
    fields: dict[str, Any] = {"kind": kind, "event_type": event_type}
    context = take_context(fields, rest, batch)
    take_address(fields, properties, _ADDRESS)
    fields["platform"] = _platform(properties, rest)
    _identify(fields, rest, properties)
    _date(fields, rest, properties, batch)
    _fill_columns(fields, properties)
    _move_dollars(rest, properties)
    if kind == "group" and (group := properties.get("$group_key")) is not None:
        rest.setdefault("group_id", group)
    keep(context, rest)
    fields["properties"] = properties
    fields["context"] = context
    return fields


def _platform(properties: dict[str, Any], rest: dict[str, Any]) -> str | None:
    library = properties.get("$lib") or rest.get("library")
    return platforms.of_library(library) or platforms.of_system(properties.get("$os"))


def _identify(fields: dict[str, Any], rest: dict[str, Any], properties: dict[str, Any]) -> None:
    name = "uuid" if rest.get("uuid") else "messageId"
    insert_id = properties.get("$insert_id")
    fields["event_id"] = event_id(rest.pop(name, None), name, rest) or (
        event_id(insert_id, name, {}) if isinstance(insert_id, str) else None
    )
    device = optional_id(properties.get("$device_id"))
    person = (
        identity(rest.pop("distinct_id", None), "distinct_id")
        or identity(rest.pop("$distinct_id", None), "$distinct_id")
        or identity(properties.get("distinct_id"), "distinct_id")
        or device
    )
    if person is None:
        raise InvalidEventError(Reason.MISSING_FIELD, "distinct_id is required.", "distinct_id")
    if _is_identified(fields, properties, person, device):
        fields["user_id"] = person
    if device is None and fields["kind"] == "identify":
        device = optional_id(properties.get("$anon_distinct_id"))
    fields["device_id"] = device or person
    if person not in (fields["device_id"], fields.get("user_id"), properties.get("distinct_id")):
        rest["distinct_id"] = person


def _is_identified(fields: dict[str, Any], properties: dict[str, Any], person: str, device: str | None) -> bool:
    if fields["kind"] == "identify" or properties.get("$user_id"):
        return True
    # After a reset the browser's SDK has a new anonymous id, unlike the device's, and says so.
    said = properties.get("$is_identified")
    if isinstance(said, bool):
        return said
    if device is not None:
        return person != device
    # What a server sends for nobody it marks as without a profile.
    return fields["platform"] == "server" and properties.get("$process_person_profile") is not False


def _date(fields: dict[str, Any], rest: dict[str, Any], properties: dict[str, Any], batch: Mapping[str, Any]) -> None:
    happened = moment(rest.pop("timestamp", None), "timestamp")
    sent = sent_on(rest, batch)
    if sent is None and (said := properties.get("$sent_at")) is not None:
        sent = sent_on({"$sent_at": said}, NOTHING)
    if happened is None and sent is not None:
        happened = _before(sent, rest)
    fields["created_on"] = fields["original_created_on"] = happened
    fields["sent_on"] = sent


def _before(sent: datetime, rest: dict[str, Any]) -> datetime | None:
    """The time that lies the event's `offset` before `sent`, if it has one; then it is taken out of `rest`."""
    offset = rest.get("offset")
    if isinstance(offset, bool) or not isinstance(offset, int | float) or not 0 <= offset < _LONGEST_OFFSET:
        return None
    happened = sent - timedelta(milliseconds=offset)
    if happened < EARLIEST:
        return None
    del rest["offset"]
    return cut_to_milliseconds(happened)


def _fill_columns(fields: dict[str, Any], properties: dict[str, Any]) -> None:
    fill(fields, properties, COLUMNS)
    if properties.get("$referrer") != _NO_REFERRER:
        fill(fields, properties, _REFERRER)
    fields["session_id"] = optional_id(properties.get("$session_id"))
    fields["os"] = name_and_version(properties.get("$os"), properties.get("$os_version"))
    fields["device_type"] = platforms.device_type(properties.get("$device_type"), None)
    screen = properties.get("$screen_name")
    if fields["kind"] == "screen" and screen is not None and properties.get("name") is None:
        properties["name"] = screen


def _move_dollars(rest: dict[str, Any], properties: dict[str, Any]) -> None:
    """What PostHog reads as a property wherever it stands, such as `$set`."""
    for name in [name for name in rest if name.startswith("$") and properties.get(name) is None]:
        properties[name] = rest.pop(name)
