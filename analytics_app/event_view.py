"""`/api/v1/events` in Django: the browsable page with its form, and the documentation; `collect` does the work."""

import time
from typing import Any

import msgspec
from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics_app import api_docs
from analytics_app.collect import CollectRequest, Reply, client_ip, collect
from analytics_app.endpoints import NATIVE
from analytics_app.parsers import BytesParser, FormOrJSONParser
from analytics_app.serializers import EventFormSerializer


class EventView(APIView):
    """Send one event or a list of events, with the write key of a source.

    Send the key as "Authorization: Bearer", as "X-Write-Key", as "?write_key=" in this page's address, or in
    the form below. To make a source: python manage.py createsource NAME
    """

    name = "Events"
    # `collect` asks for the write key.
    authentication_classes = []
    permission_classes = []
    parser_classes = [FormOrJSONParser, MultiPartParser, BytesParser]
    serializer_class = EventFormSerializer

    @extend_schema(**api_docs.EVENTS_HELP)
    def get(self, request: Request) -> Response:
        url = request.build_absolute_uri(request.path)
        event = {"event_type": "PAGE_VIEW", "device_id": "device-1", "page_url": "https://example.com/"}
        return Response(
            {
                "send": f"POST {url}",
                "headers": {"Authorization": "Bearer <write key>", "Content-Type": "application/json"},
                "body": [event],
                "documentation": request.build_absolute_uri("/api/docs/"),
            }
        )

    @extend_schema(**api_docs.SEND_EVENTS)
    def post(self, request: Request) -> Response:
        collected = CollectRequest(
            endpoint=NATIVE,
            method="POST",
            query=request.META.get("QUERY_STRING", ""),
            header=request.headers.get,
            body=_body(request),
            ip=client_ip(request.META.get("REMOTE_ADDR", ""), request.headers.get),
        )
        reply = collect(collected, timezone.now(), time.monotonic())
        return _response(reply, html=request.accepted_renderer.format != "json")

    def options(self, request: Any, *_args: Any, **_kwargs: Any) -> Response:
        """A browser's preflight request."""
        asked = CollectRequest(NATIVE, "OPTIONS", "", request.headers.get)
        return _response(collect(asked, timezone.now(), time.monotonic()), html=False)


def _response(reply: Reply, *, html: bool) -> Response:
    """`html`: the browsable page shows the same document."""
    headers = dict(reply.headers)
    content_type = headers.pop("content-type", None)
    document = msgspec.to_builtins(reply.document) if reply.document else None
    return Response(document, reply.status, headers=headers, content_type=None if html else content_type)


def _body(request: Request) -> bytes:
    data: Any = request.data
    match data:
        case bytes() as body:
            return body
        case QueryDict() as form if form:
            return _from_form(form)
        case _:
            return b""


def _from_form(data: QueryDict) -> bytes:
    form = EventFormSerializer(data=data)
    form.is_valid(raise_exception=True)
    return msgspec.json.encode(form.validated_data)
