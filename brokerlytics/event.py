"""The event contract: what an event holds, on the topic and in the CSV.

`docs/event.md` says the same in prose; a test holds the two together.
The value on the topic is one JSON object with `v` (the contract's version) and the fields below,
nulls left out. The key is `Event.key`, so that one person's events stay in order and a retry lands
in the same partition.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec

EVENT_VERSION: Final = 1
MAX_EVENT_BYTES: Final = 32 * 1024
MAX_REVENUE: Final = 1e12

START_SESSION: Final = "START_SESSION"
END_SESSION: Final = "END_SESSION"
REVENUE: Final = "REVENUE"

Kind = Literal["track", "page", "screen", "identify", "group", "alias"]
KINDS: Final[tuple[str, ...]] = ("track", "page", "screen", "identify", "group", "alias")
# Their properties are traits of somebody.
TRAIT_KINDS: Final[tuple[str, ...]] = ("identify", "group", "alias")

FieldType = Literal["id", "text", "time", "kind", "currency", "number", "object"]


class Reason(StrEnum):
    """Why an event is refused: the `code` of a rejection and the `reason` of a dead letter."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    EMPTY_VALUE = "empty_value"
    UNSUPPORTED_VERSION = "unsupported_version"
    MISSING_FIELD = "missing_field"
    INVALID_TYPE = "invalid_type"
    INVALID_VALUE = "invalid_value"
    TOO_LONG = "too_long"
    EVENT_TOO_LARGE = "event_too_large"


@dataclass(frozen=True, slots=True)
class EventField:
    """One field: its name on the topic and in the CSV, its type, and its longest text (characters)."""

    name: str
    type: FieldType
    max_length: int = 0


FIELDS: Final[tuple[EventField, ...]] = (
    EventField("event_id", "id", 100),
    EventField("kind", "kind"),
    EventField("event_type", "text", 200),
    EventField("device_id", "id", 200),
    EventField("user_id", "id", 200),
    EventField("session_id", "id", 200),
    EventField("created_on", "time"),
    EventField("original_created_on", "time"),
    EventField("received_on", "time"),
    EventField("source", "text", 100),
    EventField("platform", "text", 100),
    EventField("app_version", "text", 100),
    EventField("os", "text", 100),
    EventField("browser", "text", 100),
    EventField("device_type", "text", 100),
    EventField("locale", "text", 100),
    EventField("country", "text", 100),
    EventField("page_url", "text", 4096),
    EventField("page_path", "text", 2048),
    EventField("page_title", "text", 1024),
    EventField("referrer", "text", 4096),
    EventField("utm_source", "text", 500),
    EventField("utm_medium", "text", 500),
    EventField("utm_campaign", "text", 500),
    EventField("revenue", "number"),
    EventField("currency", "currency"),
    EventField("properties", "object"),
    EventField("context", "object"),
)
NEVER: Final = datetime.min.replace(tzinfo=UTC)
FIELD_BY_NAME: Final = {field.name: field for field in FIELDS}


class InvalidEventError(Exception):
    """The event does not fit the contract; says why, in which field, and what to do."""

    def __init__(self, reason: Reason, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field


Text3 = Annotated[str, msgspec.Meta(min_length=1, max_length=3)]
Text100 = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Text200 = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text500 = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Text1024 = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Text2048 = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
Text4096 = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class Event(
    msgspec.Struct,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="v",
    tag=EVENT_VERSION,
):
    """One event that fits the contract. Times are aware UTC datetimes of whole milliseconds.

    What has "" or NEVER here is in every event: `complete` fills it where the client did not.
    """

    event_id: Text100 = ""
    kind: Kind | Literal[""] = ""
    event_type: Text200
    device_id: Text200 | None = None
    user_id: Text200 | None = None
    session_id: Text200 | None = None
    created_on: datetime = NEVER
    original_created_on: datetime = NEVER
    received_on: datetime = NEVER
    source: Text100 | None = None
    platform: Text100 | None = None
    app_version: Text100 | None = None
    os: Text100 | None = None
    browser: Text100 | None = None
    device_type: Text100 | None = None
    locale: Text100 | None = None
    country: Text100 | None = None
    page_url: Text4096 | None = None
    page_path: Text2048 | None = None
    page_title: Text1024 | None = None
    referrer: Text4096 | None = None
    utm_source: Text500 | None = None
    utm_medium: Text500 | None = None
    utm_campaign: Text500 | None = None
    revenue: float | None = None
    currency: Text3 | None = None
    properties: dict[str, Any] = {}
    context: dict[str, Any] = {}

    @property
    def key(self) -> bytes:
        """The Kafka message key: the device, else the user."""
        return (self.device_id or self.user_id or "").encode()


class ClientEvent(Event, kw_only=True):
    """An event as a client says it: every value of the right type and not too long, but not complete.

    `sent_on`: the client's clock when it sent the event.
    """

    sent_on: datetime | None = None
