"""Runs a driver: an official SDK that sends the calls of a job in a process or a page of its own."""

import functools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any, Final

from django.conf import settings
from playwright.sync_api import Browser, Page, Request, Response
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.sdk.script import Call
from tests.waiting import PATIENCE, comes_true_in

HERE: Final = Path(__file__).parent
DRIVERS: Final = HERE / "drivers"
PAGE_TITLE: Final = "Prices: Größe & Gewicht"
PAGE_QUERY: Final = "utm_source=news&utm_medium=email&utm_campaign=spring"
REFERRER: Final = "https://search.example/"
USER_AGENT: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)

_SEND: Final = "(job) => { window.send(job).then((report) => { window.report = report; }); }"


@dataclass(frozen=True)
class Job:
    """What a driver is told."""

    host: str
    write_key: str
    calls: list[Call]
    batch: int = 10
    pause: float = 0.0
    batching: bool = False


@dataclass(frozen=True)
class Report:
    """What a driver says: each call with the id its SDK gave it, the ids that the SDK gave up, and every error."""

    sent: list[dict[str, Any]]
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [str(item["event_id"]) for item in self.sent]


class DriverProcess:
    """A driver in Python or Node, which works from the moment that this object is made."""

    def __init__(self, driver: str, job: Job) -> None:
        program = ["node", str(DRIVERS / f"{driver}.mjs")]
        if driver.startswith("python_"):
            program = [sys.executable, "-m", f"tests.sdk.drivers.{driver}"]
        self._process = subprocess.Popen(
            program, cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._output = (b"", b"")
        self._talk = threading.Thread(target=self._communicate, args=[json.dumps(asdict(job)).encode()])
        self._talk.start()

    def report(self, timeout: float = PATIENCE) -> Report:
        """What the driver says when it has ended; what it logged counts as an error too."""
        self._talk.join(timeout)
        if self._talk.is_alive():
            self._process.kill()
            self._talk.join()
            return Report([], errors=[f"no end within {timeout} s"])
        output, log = self._output
        if self._process.returncode != 0:
            return Report([], errors=[f"status {self._process.returncode}: {log.decode()}"])
        report = Report(**json.loads(output))
        report.errors.extend(log.decode().splitlines())
        return report

    def _communicate(self, job: bytes) -> None:
        self._output = self._process.communicate(job)


@contextmanager
def static_files() -> Iterator[str]:
    """The address of a web server for the drivers' pages and the SDKs' builds: another origin than the product's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_QuietHandler, directory=str(HERE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page_url(origin: str, driver: str) -> str:
    """The address of a browser driver's page, as the visitor sees it."""
    return f"{origin}/drivers/{driver}.html?{PAGE_QUERY}"


def send_from_page(browser: Browser, origin: str, driver: str, job: Job) -> Report:
    """Open the driver's page, let it send, wait until it has nothing more to send, and leave the page.

    The caller closes the page's context once what the page sent when it was left has arrived.
    """
    context = browser.new_context(user_agent=USER_AGENT, locale="de-DE")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(f"page: {error}"))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: errors.append(_failure(request)))
    page.on("response", lambda response: errors.extend(_problem(response)))
    traffic = _Traffic(page)
    page.goto(page_url(origin, driver), referer=REFERRER)
    page.evaluate(_SEND, asdict(job))
    report = report_of(page)
    # posthog-js sends what it has every three seconds.
    if not comes_true_in(page, lambda: traffic.has_rested(4)):
        errors.append("it does not end sending")
    page.goto("about:blank")
    return Report(report.sent, report.failed, [*report.errors, *errors])


def start_in_page(browser: Browser, origin: str, driver: str, job: Job) -> Page:
    """Open the driver's page and let it send; `window.report` is its report, the caller closes the page's context."""
    page = browser.new_context(user_agent=USER_AGENT).new_page()
    page.goto(page_url(origin, driver))
    page.evaluate(_SEND, asdict(job))
    return page


def report_of(page: Page) -> Report:
    """What the driver in the page says once it has sent everything."""
    try:
        return Report(**page.wait_for_function("window.report").json_value())
    except PlaywrightTimeoutError as error:
        return Report([], errors=[str(error)])


class _Traffic:
    """The requests of a page that are under way."""

    def __init__(self, page: Page) -> None:
        self._under_way: set[Request] = set()
        self._changed_at = monotonic()
        page.on("request", self._begins)
        page.on("requestfinished", self._ends)
        page.on("requestfailed", self._ends)

    def has_rested(self, seconds: float) -> bool:
        """Whether none was under way for so long."""
        return not self._under_way and monotonic() - self._changed_at > seconds

    def _begins(self, request: Request) -> None:
        self._under_way.add(request)
        self._changed_at = monotonic()

    def _ends(self, request: Request) -> None:
        self._under_way.discard(request)
        self._changed_at = monotonic()


def _failure(request: Request) -> str:
    return f"{request.method} {request.url}: {request.failure}"


def _problem(response: Response) -> list[str]:
    return [f"{response.request.method} {response.url}: {response.status}"] if response.status >= 300 else []


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name of the overridden method)
        pass
