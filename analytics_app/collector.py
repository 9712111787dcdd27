"""The hot way in: requests with events, taken from the web server's own interface before Django sees them.

https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import KafkaException
from django.conf import settings

from analytics_app.body import MAX_BODY_BYTES, TOO_LARGE
from analytics_app.collect import (
    CollectRequest,
    Pending,
    RefusalError,
    Reply,
    answer,
    client_ip,
    misconfigured,
    preflight,
    refuse,
    refuse_unread,
    take_in,
    without_sources,
)
from analytics_app.endpoints import ENDPOINTS, NATIVE, Endpoint
from analytics_app.observations import observations
from analytics_app.producer import shared_producer
from analytics_app.sources import SourcesUnavailableError, source_cache
from analytics_app.user_agents import read_user_agent

logger = logging.getLogger(__name__)

# What one process has in hand; beyond that, clients are told at once to come back.
MAX_REQUESTS: Final = 512
MAX_BYTES: Final = 64 * 1024 * 1024
BODY_SECONDS: Final = 15.0
# Most clients look for an answer only when all of a body is sent: so much of one that is too large is read and dropped,
# so that they hear why. Beyond it the connection is closed.
MAX_DROPPED_BYTES: Final = 16 * MAX_BODY_BYTES
_GC_THRESHOLD: Final = 50_000
_FORMS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")


class SlowBodyError(Exception):
    """The body did not arrive within BODY_SECONDS."""


class Collector:
    """Takes what `handles` says; the rest is Django's. One event loop, one thread."""

    def __init__(self) -> None:
        self._requests = 0
        self._bytes = 0
        self._wants_ip = settings.GEOIP_DATABASE is not None
        self._reading: dict[asyncio.Task[Any] | None, float] = {}

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """When the process begins to serve."""
        shared_producer.use_loop(loop)
        observations.start()
        # The rules for user agents take a quarter of a second to load: not within a request.
        read_user_agent("")
        self._cancel_slow(loop)
        # What lives as long as the process is not worth being looked through again and again, and what a request
        # leaves behind is freed without the collector, which need not look for cycles after every third event.
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)

    def stop(self) -> None:
        """When the process has served its last request."""
        shared_producer.close()
        # What stays frozen is not freed when the process ends, and DuckDB then complains of a leak.
        gc.unfreeze()

    def handles(self, scope: Any) -> Endpoint | None:
        """The endpoint of a request that this collector takes."""
        endpoint = ENDPOINTS.get(scope.path)
        if endpoint is None or scope.method == "OPTIONS":
            return endpoint
        if scope.method not in endpoint.methods:
            return None
        # DRF's page with its forms is a view of Django.
        if endpoint is NATIVE and scope.headers.get("content-type", "").startswith(_FORMS):
            return None
        return endpoint

    async def handle(self, endpoint: Endpoint, scope: Any, proto: Any) -> None:
        """Answer one request."""
        request = CollectRequest(endpoint, scope.method, scope.query_string, scope.headers.get)
        reply = await self._collect(request, scope, proto)
        proto.response_bytes(reply.status, reply.headers, reply.body)

    async def _collect(self, request: CollectRequest, scope: Any, proto: Any) -> Reply:
        if source_cache.is_stale():
            try:
                await asyncio.to_thread(source_cache.refresh)
            except SourcesUnavailableError as error:
                return refuse(request, without_sources(error))
        if request.method == "OPTIONS":
            return preflight(request)
        length = request.header("content-length")
        size = _size(request.method, length)
        if size > MAX_BODY_BYTES:
            await self._drop(proto, size)
            return refuse_unread(request, RefusalError(413, "body_too_large", TOO_LARGE))
        if self._requests >= MAX_REQUESTS or self._bytes + size > MAX_BYTES:
            return refuse_unread(request, RefusalError(503, "overloaded", "Too many requests at once; try again.", 1))
        self._requests += 1
        self._bytes += size
        try:
            request.body = await self._in_time(_read_chunks(proto) if length is None else proto())
            if self._wants_ip:
                request.ip = client_ip(scope.client, request.header)
            return await self._produce(take_in(request, datetime.now(UTC), time.monotonic()))
        except SlowBodyError:
            return refuse_unread(request, RefusalError(408, "body_too_slow", "The body did not arrive in time."))
        finally:
            self._requests -= 1
            self._bytes -= size

    async def _drop(self, proto: Any, size: int) -> None:
        """Read a body that is not wanted, where that takes little and there is a place for it."""
        if size > MAX_DROPPED_BYTES or self._requests >= MAX_REQUESTS:
            return
        self._requests += 1
        try:
            with suppress(SlowBodyError):
                await self._in_time(_read_chunks(proto))
        finally:
            self._requests -= 1

    async def _in_time(self, body: Awaitable[bytes]) -> bytes:
        """The body. A timer for each request would cost as much as everything else in it: one looks at all of them.

        Raises SlowBodyError.
        """
        task = asyncio.current_task()
        self._reading[task] = time.monotonic()
        try:
            return await body
        except asyncio.CancelledError:
            raise SlowBodyError from None
        finally:
            del self._reading[task]

    def _cancel_slow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once a second: whoever holds a place without sending loses it."""
        latest = time.monotonic() - BODY_SECONDS
        for task, started in list(self._reading.items()):
            if started < latest and task is not None:
                task.cancel()
        loop.call_later(1.0, self._cancel_slow, loop)

    async def _produce(self, pending: Pending | Reply) -> Reply:
        if isinstance(pending, Reply):
            return pending
        messages = pending.intake.messages
        if not messages:
            return answer(pending, [])
        try:
            producer = shared_producer.get()
        except KafkaException as error:
            return refuse(pending.request, misconfigured(error), pending.source)
        return answer(pending, await producer.produce_soon(messages))


def _size(method: str, length: str | None) -> int:
    """How many bytes a request may bring: a body whose length is not announced counts as a full one."""
    if length and length.isdecimal():
        return int(length)
    return 0 if method == "GET" else MAX_BODY_BYTES


async def _read_chunks(proto: Any) -> bytes:
    """A body part by part; of one that is too large a little more than may be, and the rest is dropped."""
    body, size = bytearray(), 0
    async for chunk in proto:
        size += len(chunk)
        if len(body) <= MAX_BODY_BYTES:
            body += chunk
        if size > MAX_DROPPED_BYTES:
            break
    return bytes(body)


collector: Final = Collector()
