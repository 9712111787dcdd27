"""Requests as the web server hands them to the collector, and the answers that it gives."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from analytics_app.collector import Collector
from analytics_app.models import Source
from tests.analytics.sending import GOOD

EVENT: Final = json.dumps(GOOD["segment"]).encode()


@dataclass
class Scope:
    """What the web server tells of a request."""

    path: str
    headers: Mapping[str, str]
    method: str = "POST"
    query_string: str = ""
    client: str = "192.0.2.1:4711"


@dataclass
class Proto:
    """The connection of one request; a body that is None never comes."""

    chunks: list[bytes] | None
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    taken: int = 0

    async def __call__(self) -> bytes:
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Others arrive meanwhile.
        await asyncio.sleep(0)
        if self.chunks is None:
            await asyncio.Event().wait()
        for chunk in self.chunks or ():
            self.taken += len(chunk)
            yield chunk

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answers.append((status, dict(headers), body))

    @property
    def answer(self) -> tuple[int, str | None]:
        [(status, _, body)] = self.answers
        return status, json.loads(body).get("code") if body else None


def handle(collector: Collector, *requests: tuple[Scope, Proto]) -> None:
    """Answer requests at the same time, in the order of their arrival."""

    async def all_of_them() -> None:
        loop = asyncio.get_running_loop()
        collector._cancel_slow(loop)
        tasks = []
        for scope, proto in requests:
            endpoint = collector.handles(scope)
            assert endpoint
            tasks.append(loop.create_task(collector.handle(endpoint, scope, proto)))
        await asyncio.gather(*tasks)

    asyncio.run(all_of_them())


def request(source: Source, *chunks: bytes, announced: bool = True) -> tuple[Scope, Proto]:
    """The body in `chunks` to /v1/track under the key of `source`; its length is told if `announced`."""
    headers = {"x-write-key": source.write_key}
    if announced:
        headers["content-length"] = str(sum(map(len, chunks)))
    return Scope("/v1/track", headers), Proto(list(chunks))
