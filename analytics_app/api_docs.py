"""What drf-spectacular cannot read from the views: request and response bodies, examples, ways to authenticate."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer

from analytics_app.sdk_docs import sdk_paths
from analytics_app.serializers import (
    AcceptedSerializer,
    EventFormSerializer,
    EventSerializer,
    IngestProblemSerializer,
    SimulationParametersSerializer,
    SimulationRunSerializer,
)
from brokerlytics.api_docs import problem_response, problem_responses
from brokerlytics.problems import MEDIA_TYPE


def without_slash(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Every path is served with and without the slash; the documentation names it without."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


WRITE_KEY_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "writeKey": {"type": "http", "scheme": "bearer"},
    "writeKeyAsUserName": {"type": "http", "scheme": "basic", "description": "The write key, no password."},
    "writeKeyHeader": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
    "writeKeyParameter": {"type": "apiKey", "in": "query", "name": "write_key"},
}


def with_write_keys(result: Any, generator: Any, request: Any, public: bool) -> Any:  # noqa: ARG001 (a hook of spectacular)
    """Adds the ways to send a write key, and the paths of the SDKs, to the document."""
    result["paths"] |= sdk_paths([{name: []} for name in WRITE_KEY_SCHEMES])
    result["components"].setdefault("securitySchemes", {}).update(WRITE_KEY_SCHEMES)
    return result


_EVENT: Final = {
    "event_type": "REVENUE",
    "event_id": "01991c2a-7a3b-7c4e-9a51-3c2f6f0d7b11",
    "device_id": "device-1",
    "created_on": "2026-08-22T09:30:00.123Z",
    "revenue": 19.9,
    "currency": "EUR",
    "properties": {"plan": "pro"},
}
_REJECTED: Final = {
    "index": 1,
    "event_id": None,
    "code": "missing_field",
    "message": "event_type is required: the event's name.",
    "field": "event_type",
}
_NONE_GOOD: Final = "No event was accepted; see `rejected`."
_AWAY: Final = "The broker did not acknowledge every event in time; send those that are not accepted again."

EVENTS_HELP: Final[dict[str, Any]] = {
    "operation_id": "events_help",
    "tags": ["events"],
    "summary": "How to send events",
    "auth": [],
    "responses": {200: OpenApiTypes.OBJECT},
}
SEND_EVENTS: Final[dict[str, Any]] = {
    "operation_id": "events_send",
    "auth": [{name: []} for name in WRITE_KEY_SCHEMES],
    "tags": ["events"],
    "summary": "Send one event or a list of events",
    "description": "Answers when the broker has acknowledged every accepted event (`acks=all`). One bad event spoils "
    "no other: each is answered for in `rejected`. To be safe against lost answers, give every event an `event_id` "
    "and send it again with the same one.",
    "request": {
        "application/json": PolymorphicProxySerializer(
            component_name="EventOrEvents",
            serializers=[EventSerializer, EventSerializer(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        "multipart/form-data": EventFormSerializer,
    },
    "responses": {
        202: OpenApiResponse(AcceptedSerializer, description="Every accepted event is acknowledged."),
        (400, MEDIA_TYPE): problem_response(
            IngestProblemSerializer, "no_valid_event", _NONE_GOOD, 400, accepted=0, rejected=[_REJECTED]
        ),
        **problem_responses(
            (401, "missing_write_key", "A write key is missing: send it as `Authorization: Bearer <write key>`."),
            (403, "origin_not_allowed", "The source does not take events from this web site."),
            (413, "body_too_large", "The body has more than 1048576 bytes; send smaller batches."),
            (429, "rate_limited", "The source sends more events than it may; send them later."),
        ),
        (503, MEDIA_TYPE): problem_response(
            IngestProblemSerializer, "broker_unavailable", _AWAY, 503, accepted=0, rejected=[]
        ),
    },
    "examples": [
        OpenApiExample("One event", value=_EVENT, request_only=True, media_type="application/json"),
        OpenApiExample("Several events", value=[_EVENT], request_only=True, media_type="application/json"),
        OpenApiExample(
            "One of two", value={"accepted": 1, "rejected": [_REJECTED]}, response_only=True, status_codes=["202"]
        ),
    ],
}
_STAFF_ONLY: Final = problem_responses(
    (401, "not_authenticated", "Authentication credentials were not provided."),
    (403, "permission_denied", "You do not have permission to perform this action."),
)
_NO_RUN: Final = problem_responses((404, "no_simulation", "No simulation is running."))
START_SIMULATION: Final[dict[str, Any]] = {
    "operation_id": "simulation_start",
    "tags": ["simulation"],
    "summary": "Start a simulation",
    "parameters": [SimulationParametersSerializer],
    "request": None,
    "responses": {
        201: SimulationRunSerializer,
        **problem_responses(
            (400, "invalid", "rate: Ensure this value is less than or equal to 500.0."),
            (409, "simulation_running", "A simulation runs already; stop it with DELETE, or in the admin."),
            (429, "simulation_limit", "It would send 43200000 events; 1000000 are left."),
        ),
        **_STAFF_ONLY,
    },
}
SHOW_SIMULATION: Final[dict[str, Any]] = {
    "operation_id": "simulation_show",
    "tags": ["simulation"],
    "summary": "Show the running simulation",
    "responses": {200: SimulationRunSerializer, **_STAFF_ONLY, **_NO_RUN},
}
STOP_SIMULATION: Final[dict[str, Any]] = {
    "operation_id": "simulation_stop",
    "tags": ["simulation"],
    "summary": "Stop the running simulation",
    "responses": {
        200: OpenApiResponse(SimulationRunSerializer, description="It has ended."),
        202: OpenApiResponse(SimulationRunSerializer, description="It ends within seconds."),
        **_STAFF_ONLY,
        **_NO_RUN,
    },
}
