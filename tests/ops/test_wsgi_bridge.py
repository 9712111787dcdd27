"""A WSGI application under RSGI: PEP 3333's variables, headers, errors, and threads."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from wsgiref.validate import validator

import pytest

from brokerlytics.wsgi_bridge import MAX_BODY_BYTES, WSGIBridge, call, make_environ
from tests.waiting import PATIENCE

Start = Callable[..., Any]


class Headers:
    """As the web server hands them over: lower-case names, the first value, and all of them."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = list(pairs)

    def get(self, name: str, default: Any = None) -> Any:
        return next((value for key, value in self._pairs if key == name), default)

    def items(self) -> list[tuple[str, str]]:
        return self._pairs


@dataclass
class Scope:
    method: str = "GET"
    path: str = "/"
    query_string: str = ""
    headers: Headers = field(default_factory=Headers)
    scheme: str = "http"
    http_version: str = "1.1"
    server: str = "127.0.0.1:8000"
    client: str = "192.0.2.1:4711"
    authority: str | None = None


class Proto:
    def __init__(self, body: bytes = b"") -> None:
        self.body = body
        self.read = False
        self.answer: tuple[int, list[tuple[str, str]], bytes | str] | None = None

    async def __call__(self) -> bytes:
        self.read = True
        return self.body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes | str) -> None:
        self.answer = status, headers, body

    response_str = response_bytes


def handle(application: Any, *requests: tuple[Scope, Proto], threads: int = 2) -> None:
    bridge = WSGIBridge(application, threads)

    async def all_of_them() -> None:
        await asyncio.gather(*(bridge.handle(scope, proto) for scope, proto in requests))

    asyncio.run(all_of_them())
    bridge.close()


def test_the_variables_of_a_request() -> None:
    scope = Scope(
        "POST",
        "/a b/ü",
        "q=%20",
        Headers(
            ("host", "shop.example"),
            ("content-type", "text/plain"),
            ("content-length", "3"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-for", "192.0.2.8"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("x_forwarded_proto", "https"),
            ("transfer-encoding", "chunked"),
        ),
    )
    environ = make_environ(scope, b"abc")
    expected = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/a b/ü".encode().decode("latin-1"),
        "QUERY_STRING": "q=%20",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "shop.example",
        "HTTP_X_FORWARDED_FOR": "192.0.2.7,192.0.2.8",
        "HTTP_COOKIE": "a=1; b=2",
        "wsgi.url_scheme": "http",
    }
    assert {name: environ[name] for name in expected} == expected
    assert "HTTP_X_FORWARDED_PROTO" not in environ
    assert "HTTP_TRANSFER_ENCODING" not in environ
    assert environ["wsgi.input"].read() == b"abc"


def test_ipv6_and_the_authority_of_http_2() -> None:
    environ = make_environ(Scope(server="[::1]:8000", client="[2001:db8::1]:9", authority="shop.example"), b"")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("::1", "8000")
    assert environ["REMOTE_ADDR"] == "2001:db8::1"
    assert environ["HTTP_HOST"] == "shop.example"


class Response:
    """An application of PEP 3333; `closed` says whether its close() was called."""

    def __init__(self, fail: bool = False) -> None:
        self.closed = False
        self._fail = fail

    def __call__(self, _environ: dict[str, Any], start: Start) -> "Response":
        start("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield b"one "
        if self._fail:
            raise RuntimeError("broken")
        yield b"two"

    def close(self) -> None:
        self.closed = True


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("method", "body"), [("GET", b"one two"), ("HEAD", b"")])
def test_a_response_as_pep_3333_says(method: str, body: bytes) -> None:
    application = Response()
    checked: Any = application if method == "HEAD" else validator(application)
    status, headers, content = call(checked, make_environ(Scope(method), b""))
    assert (status, content) == (200, body)
    assert headers == [("content-type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
    assert application.closed


def test_what_is_written_comes_before_what_is_returned() -> None:
    def application(_environ: dict[str, Any], start: Start) -> list[bytes]:
        write = start("200 OK", [])
        write(b"first ")
        return [b"second"]

    assert call(application, make_environ(Scope(), b""))[2] == b"first second"


def test_headers_that_an_error_replaces() -> None:
    def application(_environ: dict[str, Any], start: Start) -> list[bytes]:
        start("200 OK", [("A", "1")])
        start("500 Oops", [("B", "2")], (RuntimeError, RuntimeError(), None))
        return [b"x"]

    assert call(application, make_environ(Scope(), b"")) == (500, [("b", "2")], b"x")


@pytest.mark.parametrize("fail", ["at once", "while it is read", "without a status"])
def test_an_application_that_fails_is_500_and_the_next_request_works(
    fail: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Response(fail=True)

    def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/ok":
            return Response()(environ, start)
        if fail == "at once":
            raise RuntimeError("broken")
        return broken(environ, start) if fail == "while it is read" else []

    bad, good = Proto(), Proto()
    handle(application, (Scope(), bad), (Scope(path="/ok"), good))
    assert bad.answer
    assert bad.answer[0] == 500
    assert b"broken" not in bytes(str(bad.answer[2]), "utf-8")
    assert "The request failed" in caplog.text
    assert good.answer
    assert good.answer[0] == 200
    assert broken.closed == (fail == "while it is read")


def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    proto = Proto()
    handle(Response(), (Scope("POST", headers=Headers(("content-length", str(MAX_BODY_BYTES + 1)))), proto))
    assert proto.answer
    assert proto.answer[0] == 413
    assert not proto.read


def test_requests_run_side_by_side_in_as_many_threads_as_there_are() -> None:
    together = threading.Barrier(3, timeout=PATIENCE)
    names: set[str] = set()

    def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        together.wait()
        names.add(threading.current_thread().name)
        return Response()(environ, start)

    protos = [Proto() for _ in range(6)]
    handle(application, *((Scope(), proto) for proto in protos), threads=3)
    assert [proto.answer and proto.answer[0] for proto in protos] == [200] * 6
    assert len(names) == 3
