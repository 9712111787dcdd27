"""A request that brings events, whatever server took it: from its parts to a reply.

`take_in` does all that needs no waiting. Between it and `answer` the events are produced, by a thread
that waits or by a coroutine. This is the one behaviour of every endpoint.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaException
from django.conf import settings

from analytics_app import cors
from analytics_app.body import BodyError, BodyTooLargeError, parse, unpack
from analytics_app.deliveries import Delivery
from analytics_app.endpoints import NATIVE, Endpoint
from analytics_app.ingest import IngestResult, Intake, check
from analytics_app.observations import observations
from analytics_app.pixel import GIF, event_of_pixel
from analytics_app.plain_intake import plain_intake
from analytics_app.producer import shared_producer
from analytics_app.rate_limits import RateLimits
from analytics_app.reading import Reading, read
from analytics_app.sources import KnownSource, SourcesUnavailableError, source_cache
from analytics_app.validation import Sender
from analytics_app.write_keys import key_of_request
from brokerlytics.problems import MEDIA_TYPE, problem
from brokerlytics.timestamps import cut_to_milliseconds

RETRY_AFTER: Final = 2
UNAVAILABLE: Final = "The broker did not acknowledge every event in time; send those that are not accepted again."
JSON: Final = [("content-type", "application/json")]
PROBLEM: Final = [("content-type", MEDIA_TYPE)]
_limits: Final = RateLimits()


class CollectRequest(msgspec.Struct):
    """What the way in needs of an HTTP request. The body comes last.

    Attributes:
        header: the value of a header by its lower-case name, or None.
        query: as it stands in the URL, without the question mark.
        ip: the client's address, where the server is set up to look at it.
    """

    endpoint: Endpoint
    method: str
    query: str
    header: Callable[[str], str | None]
    body: bytes = b""
    ip: str = ""


class Reply(msgspec.Struct, frozen=True):
    """An HTTP response. `document` becomes its JSON body; without one there is no body, or a pixel's image."""

    status: int
    document: dict[str, Any]
    headers: cors.Headers
    image: bytes = b""

    @property
    def body(self) -> bytes:
        return msgspec.json.encode(self.document) if self.document else self.image


class Pending(msgspec.Struct, frozen=True):
    """Events that are checked and wait for being produced."""

    request: CollectRequest
    source: KnownSource
    intake: Intake


class RefusalError(Exception):
    """The request as a whole is not taken."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


def take_in(request: CollectRequest, received_on: datetime, now: float) -> Pending | Reply:
    """Check a request and its events; a Reply when nothing is to be produced.

    Args:
        request: with its whole body.
        received_on: the server's clock.
        now: monotonic seconds, for the rate limit.
    """
    source: KnownSource | None = None
    try:
        # A key in the headers is looked at first: what is refused is not read at all.
        key = key_of_request(request.header, request.query)
        if key:
            source = _admitted(key, request, now)
        content = b"" if request.method == "GET" else unpack(request.body)
        reading = None
        if source is None:
            reading = _read(content, request)
            source = _admitted(reading.write_key(), request, now)
        sender = Sender(source.name, cut_to_milliseconds(received_on), request.header("user-agent") or "", request.ip)
        intake = _checked(content, reading, request, sender)
    except RefusalError as error:
        return refuse(request, error, source)
    except BodyError as error:
        status = 413 if isinstance(error, BodyTooLargeError) else 400
        return refuse(request, RefusalError(status, error.code, error.message), source)
    if source.rate_limit:
        _limits.bucket(source.id, source.rate_limit, now).take(intake.count)
    return Pending(request, source, intake)


def answer(pending: Pending, deliveries: Sequence[Delivery]) -> Reply:
    """The reply, given what became of each of `pending.intake.messages`."""
    result = pending.intake.result(deliveries)
    _observe(pending, result, deliveries)
    headers = cors.response_headers(pending.request.header("origin"))
    if not result.available:
        document = problem(503, "broker_unavailable", UNAVAILABLE, **_outcome(result))
        return Reply(503, document, [*PROBLEM, ("retry-after", str(RETRY_AFTER)), *headers])
    match pending.request.endpoint.protocol:
        case "native" if not result.accepted:
            document = problem(400, "no_valid_event", "No event was accepted; see `rejected`.", **_outcome(result))
            return Reply(400, document, [*PROBLEM, *headers])
        case "native":
            return Reply(202, _outcome(result), [*JSON, *headers])
        # SDKs take anything but 200 for a failure and send again. A queue on a phone that holds one bad
        # event must not be stuck for ever: what was wrong stands in the answer, the counts and the debugger.
        case "segment" if pending.request.method == "GET":
            return Reply(200, {}, [("content-type", "image/gif"), ("cache-control", "no-store"), *headers], GIF)
        case "segment":
            return Reply(200, {"success": True, **_outcome(result)}, [*JSON, *headers])
        case "posthog":
            return Reply(200, {"status": 1, **_outcome(result)}, [*JSON, *headers])


def collect(request: CollectRequest, received_on: datetime, now: float) -> Reply:
    """The whole way in a thread that waits for the broker: what Django's views call."""
    try:
        source_cache.refresh()
    except SourcesUnavailableError as error:
        return refuse(request, without_sources(error))
    if request.method == "OPTIONS":
        return preflight(request)
    pending = take_in(request, received_on, now)
    if isinstance(pending, Reply):
        return pending
    messages = pending.intake.messages
    try:
        return answer(pending, shared_producer.get().produce(messages) if messages else [])
    except KafkaException as error:
        return refuse(request, misconfigured(error), pending.source)


def refuse(request: CollectRequest, error: RefusalError, source: KnownSource | None = None) -> Reply:
    """The reply to a request that is not taken, and counted as such."""
    source_id = source.id if source else None
    excerpt = request.body or None
    observations.rejected(source_id, request.endpoint.path, error.code, error.message, excerpt=excerpt)
    headers = [*PROBLEM, *cors.response_headers(request.header("origin"))]
    if error.status == 401:
        headers.append(("www-authenticate", 'Bearer realm="write key"'))
    if error.retry_after is not None:
        headers.append(("retry-after", str(error.retry_after)))
    return Reply(error.status, problem(error.status, error.code, error.message), headers)


def refuse_unread(request: CollectRequest, error: RefusalError) -> Reply:
    """As `refuse`, without having looked at the body: headers or query may say whose request it is."""
    key = key_of_request(request.header, request.query)
    return refuse(request, error, source_cache.find(key) if key else None)


def preflight(request: CollectRequest) -> Reply:
    """The answer to OPTIONS of a browser, for which no key is known yet."""
    origin = request.header("origin") or ""
    if not source_cache.any_allows(origin):
        message = "No source takes events from this web site: add it to a source's allowed origins."
        observations.rejected(None, request.endpoint.path, "origin_not_allowed", message)
        return Reply(403, problem(403, "origin_not_allowed", message), list(PROBLEM))
    return Reply(204, {}, cors.preflight_headers(origin, request.endpoint.methods))


def _admitted(key: str, request: CollectRequest, now: float) -> KnownSource:
    if not key:
        message = "A write key is missing: send it as `Authorization: Bearer <write key>`."
        raise RefusalError(401, "missing_write_key", message)
    source = source_cache.find(key)
    if source is None:
        raise RefusalError(401, "invalid_write_key", "No source has this write key; it may have been rotated.")
    if not source.enabled:
        raise RefusalError(401, "source_disabled", "The source of this write key is disabled.")
    if not source.allows(request.header("origin")):
        message = "The source does not take events from this web site: add it to its allowed origins."
        raise RefusalError(403, "origin_not_allowed", message)
    if source.rate_limit and (wait := _limits.bucket(source.id, source.rate_limit, now).wait(now)):
        raise RefusalError(429, "rate_limited", "The source sends more events than it may; send them later.", wait)
    return source


def _read(content: bytes, request: CollectRequest) -> Reading:
    if request.method == "GET":
        return read(event_of_pixel(request.query), request.endpoint, request.query)
    return read(parse(content, typed=request.endpoint is NATIVE), request.endpoint, request.query)


def _checked(content: bytes, reading: Reading | None, request: CollectRequest, sender: Sender) -> Intake:
    """`reading`: where `content` had to be read already."""
    if reading is None and request.endpoint is NATIVE and (plain := plain_intake(content, sender)):
        return plain
    intake = check(reading or _read(content, request), sender)
    if intake.rejected and request.endpoint is NATIVE:
        # What is refused is told and shown as it was sent.
        return check(read(parse(content), NATIVE), sender)
    return intake


def _outcome(result: IngestResult) -> dict[str, Any]:
    return {"accepted": result.accepted, "rejected": result.rejected}


def _observe(pending: Pending, result: IngestResult, deliveries: Sequence[Delivery]) -> None:
    path, source_id = pending.request.endpoint.path, pending.source.id
    if result.accepted:
        values = [
            value
            for (_, value), delivery in zip(pending.intake.messages, deliveries, strict=True)
            if delivery is Delivery.ACKNOWLEDGED
        ]
        observations.accepted(source_id, path, values)
    for rejection in result.rejected:
        item = pending.intake.excerpt(rejection.index)
        observations.rejected(source_id, path, rejection.code, rejection.message, field=rejection.field, excerpt=item)


def without_sources(error: SourcesUnavailableError) -> RefusalError:
    """No write key can be looked up."""
    return RefusalError(503, "database_unavailable", str(error), RETRY_AFTER)


def misconfigured(error: KafkaException) -> RefusalError:
    """Nobody can produce with these settings."""
    message = f"The server's Kafka settings are not valid: {error.args[0].str()}"
    return RefusalError(503, "kafka_misconfigured", message, 60)


def client_ip(peer: str, header: Callable[[str], str | None]) -> str:
    """The client's address where a GeoIP database asks for it: nothing else does.

    `peer`: the other end of the connection, as ADDRESS or ADDRESS:PORT. `X-Forwarded-For` counts as far as its
    last TRUSTED_PROXIES entries, which our own proxies wrote.
    """
    if settings.GEOIP_DATABASE is None:
        return ""
    forwarded = [part.strip() for part in (header("x-forwarded-for") or "").split(",") if part.strip()]
    proxies = settings.TRUSTED_PROXIES
    return forwarded[-proxies] if proxies and len(forwarded) >= proxies else _without_port(peer)


def _without_port(peer: str) -> str:
    if peer.startswith("["):
        return peer[1:].partition("]")[0]
    return peer.partition(":")[0] if peer.count(":") == 1 else peer
