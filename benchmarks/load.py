"""An HTTP load generator: keep-alive connections, requests made beforehand, one thread and no waiting inside.

Closed loop: each connection has one request under way. Open loop (`rate`): requests are due at fixed times,
and a latency counts from the time that a request was due, so that a slow server does not slow down its own test.
"""

import gc
import heapq
import selectors
import socket
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

_RECEIVE: Final = 65_536
_SEND_BUFFER: Final = 1_048_576
_PATIENCE: Final = 30.0
_CLOSED: Final = "connection closed"


@dataclass(frozen=True)
class Load:
    """`requests` are sent in turn to 127.0.0.1; an answer with another status than `expected` is a failure.

    After `warm_up` seconds the answers of the next `seconds` are counted. `rate`: requests per second, None for
    as many as the connections can carry.
    """

    port: int
    requests: list[bytes]
    expected: int
    connections: int
    seconds: float
    warm_up: float = 2.0
    rate: float | None = None


@dataclass
class LoadResult:
    """`answers` came in the counted time; `total` has also those before and after it.

    `cpu_seconds` is what the server used for all of them, when somebody has looked.
    """

    seconds: float
    answers: int = 0
    total: int = 0
    cpu_seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    def milliseconds(self, percent: float) -> float:
        """The latency that `percent` of the counted answers did not exceed."""
        if not self.latencies:
            raise ValueError("No answer was counted.")
        count = len(self.latencies) - int(len(self.latencies) * percent / 100)
        return heapq.nlargest(max(1, count), self.latencies)[-1] * 1000


class _Connection:
    __slots__ = ("due", "received", "socket")

    def __init__(self, port: int) -> None:
        self.due = 0.0
        self.received = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A whole request fits, so that sending does not wait.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


def run_load(load: Load) -> LoadResult:
    """Blocks until all is answered. Raises OSError when the server cannot be reached."""
    gc.disable()
    try:
        return _Run(load).run()
    finally:
        gc.enable()


class _Run:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._requests = cycle(load.requests)
        self._status = str(load.expected).encode()
        self._result = LoadResult(load.seconds)
        self._selector = selectors.DefaultSelector()
        self._idle = [self._connect() for _ in range(load.connections)]
        self._count_from = time.perf_counter() + load.warm_up
        self._count_to = self._count_from + load.seconds

    def run(self) -> LoadResult:
        try:
            self._send_and_receive()
            self._drain()
        finally:
            self._close()
        return self._result

    def _send_and_receive(self) -> None:
        now = due = self._count_from - self._load.warm_up
        while now < self._count_to:
            due = self._send_due(now, due)
            wait = self._count_to - now if self._load.rate is None or not self._idle else max(0.0, due - now)
            self._receive(min(wait, 1.0))
            now = time.perf_counter()

    def _send_due(self, now: float, due: float) -> float:
        """Send what is due on the connections that are free; gives the time when the next request is."""
        idle, rate = self._idle, self._load.rate
        if rate is None:
            for connection in idle:
                connection.due = now
                connection.socket.sendall(next(self._requests))
            idle.clear()
            return now
        while idle and due <= now:
            connection = idle.pop()
            connection.due = due
            connection.socket.sendall(next(self._requests))
            due += 1 / rate
        return due

    def _receive(self, wait: float) -> None:
        for key, _ in self._selector.select(wait):
            connection: _Connection = key.data
            try:
                data = connection.socket.recv(_RECEIVE)
            except ConnectionError:
                data = b""
            if not data:
                self._replace(connection)
                continue
            if connection.received:
                data = connection.received + data
            if _is_complete(data):
                connection.received = b""
                self._answered(connection, data[9:12])
                self._idle.append(connection)
            else:
                connection.received = data

    def _answered(self, connection: _Connection, status: bytes) -> None:
        result = self._result
        if status != self._status:
            result.failures[status.decode()] += 1
            return
        result.total += 1
        now = time.perf_counter()
        if self._count_from <= now < self._count_to:
            result.answers += 1
            result.latencies.append(now - connection.due)

    def _drain(self) -> None:
        deadline = time.perf_counter() + _PATIENCE
        while len(self._idle) < self._load.connections and time.perf_counter() < deadline:
            self._receive(1.0)
        if missing := self._load.connections - len(self._idle):
            self._result.failures["no answer"] += missing

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.data.socket.close()
        self._selector.close()

    def _connect(self) -> _Connection:
        connection = _Connection(self._load.port)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        return connection

    def _replace(self, connection: _Connection) -> None:
        self._result.failures[_CLOSED] += 1
        self._selector.unregister(connection.socket)
        connection.socket.close()
        self._idle.append(self._connect())


def _is_complete(data: bytes) -> bool:
    """Whether this is a whole answer. Raises ValueError when it does not say its length."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError("The answer has no Content-Length.")
    return len(data) >= end + 4 + int(head[at + 17 :].split(b"\r\n", 1)[0])
