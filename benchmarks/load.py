"""A closed-loop HTTP load: so many connections, each with one request under way."""

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """One request, sent again and again over `connections` kept alive, for `seconds`."""

    host: str
    port: int
    path: str
    headers: dict[str, str]
    body: bytes
    connections: int
    seconds: float


@dataclass
class LoadResult:
    """`answers` with status 202, `failures` with any other."""

    seconds: float
    answers: int = 0
    failures: int = 0


def run_load(load: Load) -> LoadResult:
    return asyncio.run(_run(load))


async def _run(load: Load) -> LoadResult:
    result = LoadResult(0.0)
    started = time.perf_counter()
    await asyncio.gather(*(_connection(load, started, result) for _ in range(load.connections)))
    result.seconds = time.perf_counter() - started
    return result


async def _connection(load: Load, started: float, result: LoadResult) -> None:
    reader, writer = await asyncio.open_connection(load.host, load.port)
    lines = {"Host": f"{load.host}:{load.port}", "Content-Length": str(len(load.body)), **load.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    request = f"POST {load.path} HTTP/1.1\r\n{head}\r\n".encode() + load.body
    while time.perf_counter() - started < load.seconds:
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_content_length(answer))
        if answer.startswith(b"HTTP/1.1 202"):
            result.answers += 1
        else:
            result.failures += 1
    writer.close()
    await writer.wait_closed()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise ValueError("The answer has no Content-Length.")
