"""A WSGI application under an RSGI server: each request in a thread of a pool.

Django's database connections belong to threads, so that a pool keeps as many of them open.
"""

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

logger = logging.getLogger(__name__)

Headers = list[tuple[str, str]]
Response = tuple[int, Headers, bytes]

# Events never come this way; forms are small.
MAX_BODY_BYTES: Final = 10 * 1024 * 1024
_PLAIN: Final = [("content-type", "text/plain; charset=utf-8")]


class WSGIBridge:
    def __init__(self, application: Callable[..., Iterable[bytes]], threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="django")

    async def handle(self, scope: Any, proto: Any) -> None:
        """Answer one request with what the application says."""
        length = scope.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            proto.response_str(413, _PLAIN, f"The body is larger than {MAX_BODY_BYTES} bytes.\n")
            return
        body = await proto()
        environ = make_environ(scope, body)
        try:
            status, headers, content = await asyncio.get_running_loop().run_in_executor(
                self._threads, call, self._application, environ
            )
        except Exception:
            # Django answers for its own errors: this one is outside of it.
            logger.exception("The request failed")
            status, headers, content = 500, _PLAIN, b"An error of ours; it is in the server's log.\n"
        proto.response_bytes(status, headers, content)

    def close(self) -> None:
        """Wait for the requests under way."""
        self._threads.shutdown()


def call(application: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Response:
    """Run the application as PEP 3333 says; its whole response."""
    started: list[tuple[int, Headers]] = []

    def start_response(status: str, headers: Headers, _exc_info: Any = None) -> Callable[[bytes], None]:
        started.append((int(status.split(" ", 1)[0]), [(name.lower(), value) for name, value in headers]))
        return content.append

    content: list[bytes] = []
    chunks = application(environ, start_response)
    try:
        content.extend(chunks)
    finally:
        if close := getattr(chunks, "close", None):
            close()
    status, headers = started[-1]
    return status, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else b"".join(content)


def make_environ(scope: Any, body: bytes) -> dict[str, Any]:
    """The variables of PEP 3333 for a request."""
    server, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if name in ("content-length", "transfer-encoding"):
            continue
        # A name with an underscore would be taken for one with a hyphen, which a proxy may have checked.
        if "_" in name:
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        separator = "; " if name == "cookie" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    if "HTTP_HOST" not in environ and scope.authority:
        environ["HTTP_HOST"] = scope.authority
    return environ
