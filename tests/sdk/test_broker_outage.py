"""The broker is stopped and started again while the official SDKs send: all that they took is stored, and once."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event
from time import sleep

import pytest
from playwright.sync_api import Browser

from analytics_app import snippets
from brokerlytics.local_kafka.broker import LocalKafka
from brokerlytics.local_kafka.errors import KafkaUnavailableError
from tests.conftest import JARS, free_ports
from tests.sdk.conftest import AddRow, Counts
from tests.sdk.expected import SDKS, Row
from tests.sdk.product import running_product
from tests.sdk.script import Call
from tests.sdk.sending import DRIVERS, DriverProcess, Job, report_of, start_in_page, static_files
from tests.waiting import comes_true

NAMES = [sdk.name for sdk in SDKS if not sdk.is_browser]
PAGES = [sdk.name for sdk in SDKS if sdk.is_browser and not sdk.batching]
SNIPPETS = Path(snippets.__file__).parent / "sdk_snippets"
# What makes an SDK outlive an outage where its own defaults do not, or not for long.
RETRY_SETTINGS = {
    "node_posthog": ["fetchRetryCount: 600", "fetchRetryDelay: 3_000"],
    "node_rudderstack": [
        "retryCount: 64",
        "axiosRetryConfig: { retryDelay: (retry) => Math.min(1_000 * 2 ** retry, 30_000) }",
    ],
    "node_segment": ["maxRetries: 35"],
    "python_posthog": ["max_retries=64"],
    "python_rudderstack": ["max_retries=12"],
}
CALLS = 100
# In a page all of them come at once, while the broker is away.
PAGE_CALLS = 20
PAUSE = 0.2
AWAY = 8.0
# The server gives up a request soon, while what it produced is still on its way: then SDKs send events a second time.
SETTINGS = {"PRODUCE_TIMEOUT": "2"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker for this test alone, since it stops it."""
    kafka = LocalKafka(tmp_path / "kafka", free_ports(2), JARS)
    (tmp_path / "kafka").mkdir()
    try:
        kafka.start()
    except KafkaUnavailableError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    try:
        kafka.wait_ready(Event())
        yield kafka
    finally:
        kafka.stop()


def test_what_sdks_send_over_an_outage_is_stored_once(
    broker: LocalKafka,
    node_modules: Path,  # noqa: ARG001 (the drivers need it)
    chromium: Browser,
    tmp_path: Path,
    table: AddRow,
) -> None:
    (tmp_path / "product").mkdir()
    with (
        running_product(tmp_path / "product", broker.bootstrap_servers, SETTINGS) as product,
        static_files() as origin,
    ):
        keys = product.sources(NAMES + PAGES)
        drivers = {
            name: DriverProcess(name, Job(product.url, keys[name], _calls(name, CALLS), 5, PAUSE)) for name in NAMES
        }
        assert comes_true(lambda: {source for source, _ in product.records()} == set(NAMES), pause=1)
        broker.stop()
        jobs = {name: Job(product.url, keys[name], _calls(name, PAGE_CALLS)) for name in PAGES}
        pages = {name: start_in_page(chromium, origin, name, job) for name, job in jobs.items()}
        sleep(AWAY)
        broker.start()
        broker.wait_ready(Event())
        reports = {name: driver.report() for name, driver in drivers.items()}
        reports |= {name: report_of(page) for name, page in pages.items()}
        sent = {(name, event_id) for name, report in reports.items() for event_id in report.ids}
        comes_true(lambda: sent <= {(row["source"], row["event_id"]) for row in product.exported()}, pause=1)
        rows = product.exported()
        records = product.records()
        for page in pages.values():
            page.context.close()
    stored = Counter((row["source"], row["event_id"]) for row in rows)
    for name, report in reports.items():
        mine = {key: count for key, count in stored.items() if key[0] == name}
        rows_of_sdk = sum(mine.values())
        on_topic = sum(count for (source, _), count in records.items() if source == name)
        given_up = len(set(report.failed))
        table("broker outage", name, Counts(len(report.sent), given_up, on_topic, len(mine), rows_of_sdk - len(mine)))
        calls = PAGE_CALLS if name in PAGES else CALLS
        assert {item["step"] for item in report.sent} - {None} == set(range(calls)), report.errors
        assert report.failed == []
    assert set(stored) == set(records) == sent
    assert set(stored.values()) == {1}
    assert _longest_silence(rows) > timedelta(seconds=AWAY / 2), "the outage was none"


@pytest.mark.parametrize(("name", "settings"), RETRY_SETTINGS.items())
def test_the_snippets_have_the_settings_that_are_tested(name: str, settings: list[str]) -> None:
    driver = "".join(path.read_text() for path in DRIVERS.glob(f"{name}.*"))
    snippet = "".join(path.read_text() for path in SNIPPETS.glob(f"{name.replace('_', '-')}.*"))
    for setting in settings:
        assert setting in driver
        assert setting in snippet.replace(" = ", "=")


def _calls(name: str, count: int) -> list[Call]:
    return [
        {"step": step, "kind": "track", "name": f"Step {step}", "properties": {"n": step}, "user_id": f"{name}-user"}
        for step in range(count)
    ]


def _longest_silence(rows: list[Row]) -> timedelta:
    times = sorted(datetime.fromisoformat(row["received_on"]) for row in rows)
    return max(later - earlier for earlier, later in pairwise(times))
