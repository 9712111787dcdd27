"""`POST /api/v1/events`: HTTP in front of `ingest`."""

from typing import Any

import msgspec
from confluent_kafka import KafkaException
from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics_app import api_docs
from analytics_app.authentication import WriteKeyAuthentication
from analytics_app.body import MAX_BODY_BYTES, BodyError, BodyTooLargeError
from analytics_app.ingest import IngestResult, ingest
from analytics_app.models import Source
from analytics_app.parsers import BytesParser, FormOrJSONParser, TextParser
from analytics_app.producer import EventProducer, shared_producer
from analytics_app.serializers import EventFormSerializer
from brokerlytics.problems import ProblemError

RETRY_AFTER = 2


class EventView(APIView):
    """Send one event or a list of events, with the write key of a source.

    Send the key as "Authorization: Bearer", as "X-Write-Key", as "?write_key=" in this page's address, or in
    the form below. To make a source: python manage.py createsource NAME
    """

    name = "Events"
    authentication_classes = [WriteKeyAuthentication]
    # GET and the form are for everybody; POST asks for the write key itself.
    permission_classes = [AllowAny]
    parser_classes = [BytesParser, TextParser, FormOrJSONParser, MultiPartParser]
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
        if not isinstance(request.auth, Source):
            raise NotAuthenticated("A write key is missing: send it as `Authorization: Bearer <write key>`.")
        try:
            result = ingest(_body(request), source=request.auth.name, received_on=timezone.now(), producer=_producer())
        except BodyError as error:
            status = 413 if isinstance(error, BodyTooLargeError) else 400
            raise ProblemError(status, error.code, error.message) from None
        return _response(result)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Before anything is read: the length that the client announces."""
        _check_length(request)
        super().initial(request, *args, **kwargs)


def _check_length(request: Request) -> None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise ProblemError(413, "body_too_large", f"The body has {length} bytes; at most {MAX_BODY_BYTES} are taken.")
    if length == "0" and request.headers.get("Transfer-Encoding"):
        raise ProblemError(411, "length_required", "Send the body with a Content-Length header, not in chunks.")


def _producer() -> EventProducer:
    try:
        return shared_producer.get()
    except KafkaException as error:
        message = f"The server's Kafka settings are not valid: {error.args[0].str()}"
        raise ProblemError(503, "kafka_misconfigured", message, retry_after=60) from None


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
    event = {name: value for name, value in form.validated_data.items() if name != "write_key"}
    return msgspec.json.encode(event)


def _response(result: IngestResult) -> Response:
    body = msgspec.to_builtins({"accepted": result.accepted, "rejected": result.rejected})
    if not result.available:
        message = "The broker did not acknowledge every event in time; send those that are not accepted again."
        raise ProblemError(503, "broker_unavailable", message, retry_after=RETRY_AFTER, **body)
    if not result.accepted:
        raise ProblemError(400, "no_valid_event", "No event was accepted; see `rejected`.", **body)
    return Response(body, status=202)
