"""The SDKs' paths in the OpenAPI document. They are no views of DRF, so that drf-spectacular does not find them."""

from typing import Any, Final

from analytics_app.endpoints import ENDPOINTS, Endpoint
from brokerlytics.problems import MEDIA_TYPE

# The others are short forms and synonyms, which docs/api.md lists.
DOCUMENTED: Final = (
    *(f"/v1/{name}" for name in ("track", "identify", "page", "screen", "group", "alias", "batch")),
    "/batch",
    "/capture",
)
_SPECS: Final = {
    "segment": "https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/",
    "posthog": "https://posthog.com/docs/api/capture",
}
_PROBLEMS: Final = {
    "400": "The body cannot be read.",
    "401": "No write key, or not one of an enabled source.",
    "403": "The source does not take events from this web site.",
    "408": "The body did not arrive in time.",
    "413": "The body is larger, or has more events, than is taken.",
    "429": "The source sends more events than it may.",
    "503": "The broker did not acknowledge every event in time, or too many requests came at once.",
}


def sdk_paths(security: list[dict[str, list[str]]]) -> dict[str, Any]:
    """The path items of DOCUMENTED; `security` are the ways to send a write key."""
    return {path: {"post": _operation(ENDPOINTS[path], security)} for path in DOCUMENTED}


def _operation(endpoint: Endpoint, security: list[dict[str, list[str]]]) -> dict[str, Any]:
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    accepted = {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}}
    return {
        "operationId": f"{endpoint.protocol}_{endpoint.path.rpartition('/')[2]}",
        "tags": [endpoint.protocol],
        "summary": f"For SDKs of {endpoint.protocol.capitalize()}: {endpoint.kind or 'a batch, or one event'}",
        "externalDocs": {"url": _SPECS[endpoint.protocol]},
        "security": security,
        "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True},
        "responses": {
            "200": {"description": "Every event is answered for; see `rejected`.", "content": accepted},
            **{status: {"description": text, "content": problem} for status, text in _PROBLEMS.items()},
        },
    }
