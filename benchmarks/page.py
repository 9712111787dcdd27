"""How long a person waits for the overview of 90 days: from the start of the navigation to the last chart, in Chromium.

The web server is the product's, its store that of the benchmark `dashboard`. Each time another minute is asked for, as
when time goes on: nothing comes from the answers that the server keeps. First the server has just been started.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final

from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.dashboard import END, indexed_store
from benchmarks.dashboard_store import DAYS, TOPIC
from benchmarks.report import write_json
from benchmarks.servers import Server, peak_memory, web_server

LIMIT: Final = 1_000.0
_VISITS: Final = 10
# Everything is loaded and drawn by then, and two frames later it is to be seen.
_WATCH: Final = """addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(() => {
    const navigation = performance.getEntriesByType("navigation")[0];
    window.times = [navigation.responseStart, navigation.responseEnd, performance.now(),
                    Object.keys(Chart.instances).length];
})))"""


@dataclass(frozen=True)
class Visit:
    """Milliseconds from the start of the navigation to the first byte, the last one, and the last chart."""

    first_byte: float
    last_byte: float
    charts: float


@dataclass(frozen=True)
class Visits:
    """The first one of a server that has just been started, those after it, and the server's peak memory in MB."""

    events: int
    first: Visit
    others: list[Visit]
    peak_mb: float


def measure(store_directory: Path, directory: Path, events: int) -> Visits:
    """The store stays below `store_directory`; Chromium shares the machine with the server. Raises RuntimeError."""
    root, _ = indexed_store(store_directory, events)
    with web_server(directory, TOPIC, root) as web:
        client = Client()
        client.force_login(User.objects.create_user("reader"))
        with _chromium() as browser:
            visits = _visits(browser, web, client.cookies["sessionid"].value)
        return Visits(events, visits[0], visits[1:], peak_memory(web.pid))


def _visits(browser: Browser, web: Server, session: str) -> list[Visit]:
    url = f"http://127.0.0.1:{web.port}"
    context = browser.new_context(base_url=url, timezone_id="UTC")
    context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
    context.add_init_script(_WATCH)
    tab = context.new_page()
    visits = []
    for number in range(1 + _VISITS):
        until = END - timedelta(minutes=1 + number)
        since = END - timedelta(days=DAYS)
        answer = tab.goto(f"/?from={since:%Y-%m-%dT%H:%M}&to={until:%Y-%m-%dT%H:%M}")
        times = tab.wait_for_function("() => window.times").json_value()
        if not answer or not answer.ok or not times[-1]:
            raise RuntimeError(f"The overview has {times[-1]} charts; its status was {answer and answer.status}.")
        visits.append(Visit(*times[:3]))
    return visits


@contextmanager
def _chromium() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


def publish(visits: Visits, path: Path) -> None:
    """Print the table and write the same as JSON."""
    table = Table("", "first byte ms", "last byte ms", "last chart ms", "wanted", title_justify="left")
    table.title = f"Overview of {DAYS} days of {visits.events:,} events, in Chromium"
    again = [(one.first_byte, one.last_byte, one.charts) for one in visits.others]
    first = (visits.first.first_byte, visits.first.last_byte, visits.first.charts)
    rows = {
        "server just started": first,
        "again, median": tuple(map(median, zip(*again, strict=True))),
        "again, slowest": tuple(map(max, zip(*again, strict=True))),
    }
    for name, times in rows.items():
        table.add_row(name, *(f"{time:,.0f}" for time in times), "≤ 1 s: " + ("met" if times[2] <= LIMIT else "missed"))
    Console(width=110).print(table)
    Console().print(f"Peak memory of the server: {visits.peak_mb:,.0f} MB.")
    write_json({"events": visits.events, "peak_mb": visits.peak_mb, **rows}, path)
