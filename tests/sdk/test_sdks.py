"""The official SDKs against the running product on a real Kafka: each event once in the CSV, right in every column."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.sdk.conftest import AddRow, Counts
from tests.sdk.expected import SDKS, Row, Sdk, check_row
from tests.sdk.product import Product, running_product
from tests.sdk.script import for_posthog, script
from tests.sdk.sending import DriverProcess, Job, Report, page_url, send_from_page, static_files
from tests.waiting import comes_true

# What an SDK sends when the visitor leaves the page, after its report: posthog-js by sendBeacon.
OWN_EVENTS = {"browser_posthog": 1}


@dataclass(frozen=True)
class Sent:
    """What all SDKs sent, and what became of it."""

    jobs: dict[str, Job]
    reports: dict[str, Report]
    rows: list[Row]
    records: Counter[tuple[str, str]]
    origin: str

    def rows_of(self, sdk: Sdk) -> list[Row]:
        return [row for row in self.rows if row["source"] == sdk.name]


@pytest.fixture(scope="module")
def sent(
    real_kafka: str,
    node_modules: Path,  # noqa: ARG001 (the drivers need it)
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sent]:
    """Every SDK has sent the script, and all that arrived is in the CSV."""
    with running_product(tmp_path_factory.mktemp("product"), real_kafka) as product, static_files() as origin:
        jobs = _jobs(product)
        processes = {sdk.name: DriverProcess(sdk.name, jobs[sdk.name]) for sdk in SDKS if not sdk.is_browser}
        pages = [sdk for sdk in SDKS if sdk.is_browser]
        reports = {sdk.name: send_from_page(chromium, origin, sdk.page, jobs[sdk.name]) for sdk in pages}
        reports |= {name: process.report() for name, process in processes.items()}
        total = sum(len(report.sent) for report in reports.values()) + sum(OWN_EVENTS.values())
        comes_true(lambda: sum(product.records().values()) >= total, pause=1)
        for context in chromium.contexts:
            context.close()
        rows_wanted = len(records := product.records())
        comes_true(lambda: len(product.exported()) >= rows_wanted, pause=1)
        yield Sent(jobs, reports, product.exported(), records, origin)


def _jobs(product: Product) -> dict[str, Job]:
    keys = product.sources([sdk.name for sdk in SDKS])
    return {sdk.name: _job(sdk, product.url, keys[sdk.name]) for sdk in SDKS}


def _job(sdk: Sdk, url: str, write_key: str) -> Job:
    calls = script(sdk.name, datetime.now(UTC))
    if not sdk.has_screen:
        calls = [call for call in calls if call["kind"] != "screen"]
    return Job(url, write_key, for_posthog(calls) if sdk.is_posthog else calls, batching=sdk.batching)


each_sdk = pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)


@each_sdk
def test_each_event_is_stored_once_and_no_sdk_reports_an_error(sdk: Sdk, sent: Sent, table: AddRow) -> None:
    report, rows = sent.reports[sdk.name], sent.rows_of(sdk)
    stored = Counter(row["event_id"] for row in rows)
    sent_events = len(report.sent) + OWN_EVENTS.get(sdk.name, 0)
    on_topic = sum(count for (source, _), count in sent.records.items() if source == sdk.name)
    counts = Counts(sent_events, len(report.failed), on_topic, len(stored), len(rows) - len(stored))
    table("plain", sdk.name, counts)
    assert report.errors == []
    assert report.failed == []
    steps = [item["step"] for item in report.sent if item["step"] is not None]
    assert sorted(steps) == [call["step"] for call in sent.jobs[sdk.name].calls]
    assert set(report.ids) <= set(stored)
    assert set(stored.values()) == {1}
    assert len(rows) == sent_events


@each_sdk
def test_no_event_was_sent_again(sdk: Sdk, sent: Sent) -> None:
    records = {event_id: count for (source, event_id), count in sent.records.items() if source == sdk.name}
    assert set(records) == {row["event_id"] for row in sent.rows_of(sdk)}
    assert set(records.values()) == {1}


@each_sdk
def test_every_column_is_right(sdk: Sdk, sent: Sent) -> None:
    rows = {row["event_id"]: row for row in sent.rows_of(sdk)}
    ids = {item["step"]: item["event_id"] for item in sent.reports[sdk.name].sent}
    calls = sent.jobs[sdk.name].calls
    assert calls
    for call in calls:
        check_row(sdk, call, rows[ids[call["step"]]], page_url(sent.origin, sdk.page))


@pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.is_browser], ids=lambda sdk: sdk.name)
def test_a_browser_is_one_device(sdk: Sdk, sent: Sent) -> None:
    devices = {row["device_id"] for row in sent.rows_of(sdk)}
    assert len(devices) == 1
    assert devices != {""}


def test_the_browser_says_goodbye_by_beacon(sent: Sent) -> None:
    rows = [row for row in sent.rows if row["source"] == "browser_posthog"]
    assert [row["event_type"] for row in rows].count("$pageleave") == 1
