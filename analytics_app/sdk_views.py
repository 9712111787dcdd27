"""The SDKs' paths in Django, for servers that do not run the collector; and what SDKs ask for before they send."""

import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from analytics_app import cors
from analytics_app.body import MAX_BODY_BYTES
from analytics_app.collect import JSON, PROBLEM, RETRY_AFTER, CollectRequest, Reply, client_ip, collect
from analytics_app.endpoints import ENDPOINTS
from analytics_app.sources import SourcesUnavailableError, source_cache
from analytics_app.write_keys import key_of_request
from brokerlytics.problems import problem


@csrf_exempt
def sdk_view(request: HttpRequest) -> HttpResponse:
    """One of the paths in `ENDPOINTS`. No cookie counts here, so that no other site can misuse one."""
    endpoint = ENDPOINTS[request.path]
    methods = (*endpoint.methods, "OPTIONS")
    if request.method not in methods:
        message = f"Events are sent here with {' or '.join(endpoint.methods)}."
        document = problem(405, "method_not_allowed", message)
        return _response(Reply(405, document, [*PROBLEM, ("allow", ", ".join(methods))]))
    collected = CollectRequest(
        endpoint=endpoint,
        method=request.method,
        query=request.META.get("QUERY_STRING", ""),
        header=request.headers.get,
        body=request.read(MAX_BODY_BYTES + 1),
        ip=client_ip(request.META.get("REMOTE_ADDR", ""), request.headers.get),
    )
    return _response(collect(collected, timezone.now(), time.monotonic()))


@require_http_methods(["GET", "HEAD", "OPTIONS"])
def source_config(request: HttpRequest) -> HttpResponse:
    """What RudderStack's SDKs ask first: whether the source is enabled, and that events go nowhere else.

    https://www.rudderstack.com/docs/api/ describes no format; this holds what their SDKs read. A browser asks with a
    preflight request first, since the SDK puts the write key in the Authorization header.
    """
    if request.method == "OPTIONS":
        return _response(Reply(204, {}, cors.preflight_headers(request.headers.get("Origin", ""), ("GET",))))
    headers = cors.response_headers(request.headers.get("Origin"))
    try:
        source_cache.refresh()
    except SourcesUnavailableError as error:
        document = problem(503, "database_unavailable", str(error))
        return _response(Reply(503, document, [*PROBLEM, ("retry-after", str(RETRY_AFTER)), *headers]))
    key = key_of_request(request.headers.get, request.META.get("QUERY_STRING", ""))
    source = source_cache.find(key)
    if source is None or not source.allows(request.headers.get("Origin")):
        message = "No source has this write key; it may have been rotated."
        return _response(Reply(401, problem(401, "invalid_write_key", message), [*PROBLEM, *headers]))
    unused: dict[str, Any] = {"enabled": False}
    document = {
        "source": {
            "id": str(source.id),
            "name": source.name,
            "writeKey": key,
            "enabled": source.enabled,
            "workspaceId": "brokerlytics",
            "config": {"statsCollection": {"errors": unused, "metrics": unused}},
            "connections": [],
            "destinations": [],
            "dataplanes": {},
        }
    }
    return _response(Reply(200, document, [*JSON, *headers]))


@require_safe
def segment_settings(request: HttpRequest, write_key: str) -> HttpResponse:
    """What Segment's SDKs ask first, where they are told to ask here (`cdnURL`): to send to this server only."""
    host = f"{request.get_host()}/v1"
    document = {"integrations": {"Segment.io": {"apiKey": write_key, "apiHost": host}}, "plan": {}, "edgeFunction": {}}
    return _response(Reply(200, document, [*JSON, *cors.response_headers(request.headers.get("Origin"))]))


@csrf_exempt
def posthog_flags(request: HttpRequest) -> HttpResponse:
    """What PostHog's SDKs ask beside sending: there are no feature flags, recordings or surveys here."""
    headers = [*JSON, *cors.response_headers(request.headers.get("Origin"))]
    if request.method == "OPTIONS":
        headers = cors.preflight_headers(request.headers.get("Origin", ""), ("GET", "POST"))
        return _response(Reply(204, {}, headers))
    document: dict[str, Any] = {
        "config": {"enable_collect_everything": False},
        "featureFlags": {},
        "flags": {},
        "errorsWhileComputingFlags": False,
        "sessionRecording": False,
        "supportedCompression": ["gzip", "gzip-js"],
        "surveys": False,
        "toolbarParams": {},
        "isAuthenticated": False,
    }
    return _response(Reply(200, document, headers))


def _response(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
