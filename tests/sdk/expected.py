"""What the CSV must hold of the script, by SDK. docs/mapping.md says why."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.sdk.script import CONTEXT, PAGE, Call
from tests.sdk.sending import PAGE_TITLE, REFERRER

Row = dict[str, str]

_CLOCK: Final = timedelta(seconds=60)
_EVENT_TYPES: Final = {
    "page": "PAGE_VIEW",
    "screen": "SCREEN_VIEW",
    "identify": "IDENTIFY",
    "group": "GROUP",
    "alias": "ALIAS",
}
_CAMPAIGN: Final = {"utm_source": "news", "utm_medium": "email", "utm_campaign": "spring"}
_CONTEXT_COLUMNS: Final = {
    "app_version": "3.1.4",
    "locale": "de-DE",
    "os": "iOS 18.1",
    "device_type": "mobile",
    "utm_source": "partner",
    "utm_medium": "cpc",
    "utm_campaign": "summer",
}
# Columns that are compared on their own.
_APART: Final = frozenset(
    ("created_on", "original_created_on", "received_on", "properties", "context", "_partition", "_offset")
)


@dataclass(frozen=True)
class Sdk:
    """An SDK as the tests know it: its driver, and how what it sends differs from what the others do."""

    name: str
    library: str
    driver: str = ""
    batching: bool = False
    # Its alias call says the anonymous id too.
    alias_has_device: bool = True
    # It has a call for a screen.
    has_screen: bool = True
    # It says its server's operating system of each event that it captures.
    tells_os: bool = False
    # It leaves out properties that are null.
    drops_null: bool = False

    @property
    def is_browser(self) -> bool:
        return self.name.startswith("browser_")

    @property
    def is_posthog(self) -> bool:
        return "posthog" in self.name

    @property
    def page(self) -> str:
        return self.driver or self.name


SDKS: Final = (
    Sdk("python_segment", "analytics-python", alias_has_device=False),
    Sdk("python_rudderstack", "analytics-python", alias_has_device=False),
    Sdk("python_posthog", "posthog-python", tells_os=True),
    Sdk("node_segment", "@segment/analytics-node", alias_has_device=False),
    Sdk("node_rudderstack", "analytics-node"),
    Sdk("node_posthog", "posthog-node"),
    Sdk("browser_segment", "analytics.js"),
    Sdk("browser_segment_batch", "analytics.js", driver="browser_segment", batching=True),
    Sdk("browser_rudderstack", "RudderLabs JavaScript SDK", has_screen=False, drops_null=True),
    Sdk("browser_posthog", "web", has_screen=False),
)


def check_row(sdk: Sdk, call: Call, row: Row, page: str) -> None:
    """Fails where a column of `row` is not what the call of this SDK must give; `page` is the browser's address."""
    wanted = _columns(sdk, call, page)
    skipped = _APART | _unforeseen(sdk, call)
    found = {name: value for name, value in row.items() if value and name not in skipped}
    assert found == {name: value for name, value in wanted.items() if name not in skipped}
    _check_times(call, row)
    properties = json.loads(row["properties"] or "{}")
    expected = _properties(sdk, call)
    assert {name: value for name, value in properties.items() if name in expected} == expected
    _check_context(sdk, call, json.loads(row["context"] or "{}"), properties)


def _unforeseen(sdk: Sdk, call: Call) -> frozenset[str]:
    """Columns of which only the SDK or the machine knows the value."""
    names = {"event_id"}
    if sdk.is_browser:
        # It makes these itself. A test of its own compares the device of all its events.
        names |= {"device_id", "session_id"}
    if sdk.is_browser and sdk.is_posthog and call["kind"] in ("alias", "identify"):
        names.add("user_id")
    if sdk.tells_os:
        names.add("os")
    return frozenset(names)


def _columns(sdk: Sdk, call: Call, page: str) -> Row:
    kind = call["kind"]
    columns = {"kind": kind, "event_type": _EVENT_TYPES.get(kind, call["name"]), "source": sdk.name}
    if sdk.name == "python_posthog" and kind == "identify":
        # It has no call to identify a person, only one to set properties of theirs.
        columns |= {"kind": "track", "event_type": "$set"}
    columns |= _web_columns(sdk, call, page) if sdk.is_browser else {"platform": "server"}
    columns |= _people(sdk, call)
    if call["name"] == "Order Completed":
        columns |= {"revenue": "19.99", "currency": "EUR"}
    if call["name"] == "With context":
        columns |= _CONTEXT_COLUMNS
    if kind == "page" and not sdk.is_browser:
        columns |= _CAMPAIGN | {f"page_{name}": PAGE[name] for name in ("url", "path", "title")}
        columns["referrer"] = PAGE["referrer"]
    return columns


def _people(sdk: Sdk, call: Call) -> Row:
    user, device = call.get("user_id"), call["anonymous_id"]
    if sdk.is_posthog and not sdk.is_browser:
        # They know one id: whose event it is. Of an alias it is the id that one SDK has before, the other after it.
        person = device if call["kind"] == "alias" and sdk.name == "python_posthog" else user or device
        return {"user_id": person, "device_id": person}
    people = {"user_id": user} if user else {}
    return people if call["kind"] == "alias" and not sdk.alias_has_device else people | {"device_id": device}


def _web_columns(sdk: Sdk, call: Call, page: str) -> Row:
    columns = _CAMPAIGN | {
        "platform": "web",
        "os": "Linux",
        "browser": "Chrome",
        "device_type": "desktop",
        "locale": "de-DE",
        "page_url": page,
        "page_path": f"/drivers/{sdk.page}.html",
        "referrer": REFERRER,
    }
    if not sdk.is_posthog or call["kind"] == "page":
        # posthog-js says the title of the page with its page views only.
        columns["page_title"] = PAGE_TITLE
    return columns


def _check_times(call: Call, row: Row) -> None:
    original = datetime.fromisoformat(row["original_created_on"])
    received = datetime.fromisoformat(row["received_on"])
    said = datetime.fromisoformat(call["timestamp"]) if "timestamp" in call else received
    assert abs(original - said) < (timedelta(milliseconds=1) if "timestamp" in call else _CLOCK)
    assert abs(datetime.fromisoformat(row["created_on"]) - original) < _CLOCK
    assert datetime.now(UTC) - received < timedelta(minutes=5)


def _properties(sdk: Sdk, call: Call) -> dict[str, Any]:
    properties: dict[str, Any] = call["properties"]
    match call["kind"]:
        case "page" if sdk.is_browser:
            return {}
        case "page" | "screen" if not sdk.is_posthog:
            return {**properties, "name": call["name"]}
        case "identify" if sdk.is_posthog:
            return {}
        case "group" if sdk.is_posthog:
            return {"$group_type": "company", "$group_key": call["group_id"], "$group_set": properties}
    if sdk.drops_null:
        return {name: value for name, value in properties.items() if value is not None}
    return _without_machine(properties) if sdk.tells_os else properties


def _without_machine(properties: dict[str, Any]) -> dict[str, Any]:
    """posthog-python says its own system whatever the event's properties say."""
    return {name: value for name, value in properties.items() if not name.startswith("$os")}


def _check_context(sdk: Sdk, call: Call, context: dict[str, Any], properties: dict[str, Any]) -> None:
    assert (properties["$lib"] if sdk.is_posthog else context["library"]["name"]) == sdk.library
    assert "flags" not in context
    assert "ip" not in context
    if call["kind"] == "group":
        assert context["group_id"] == call["group_id"]
    if sdk.is_posthog:
        if call["kind"] == "identify":
            assert properties["$set"] == call["properties"]
        return
    if call["kind"] == "alias":
        assert context["previous_id"] == call["previous_id"]
    if call["name"] == "With context":
        assert context["campaign"] == CONTEXT["campaign"]
