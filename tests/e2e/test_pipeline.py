"""The way of events through the whole product, each part a process of its own, on a real Kafka."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import sleep
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser

from tests.conftest import free_ports
from tests.ops.commands import run, running
from tests.waiting import PATIENCE, lives, wait_until

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)

GOOD: list[dict[str, Any]] = [
    {"event_id": "a", "event_type": "START_SESSION", "device_id": "d1", "session_id": "s1"},
    {
        "event_id": "b",
        "event_type": "REVENUE",
        "device_id": "d1",
        "session_id": "s1",
        "revenue": 9.99,
        "currency": "EUR",
    },
    {
        "event_id": "c",
        "event_type": "REVENUE",
        "device_id": "d2",
        "session_id": "s2",
        "revenue": 0.01,
        "currency": "EUR",
    },
    {"event_id": "d", "event_type": "=cmd()", "user_id": "u1", "properties": {"text": 'line one\r\nline "two", end'}},
]
BAD = {"event_id": "x", "event_type": "REVENUE", "device_id": "d1", "revenue": "a lot"}


@dataclass(frozen=True)
class Product:
    """What `make run` runs, on the tests' Kafka and without a simulation."""

    url: str
    write_key: str
    env: dict[str, str]

    def post(self, body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.write_key}"}
        return httpx.post(f"{self.url}/api/v1/events", json=body, headers=headers, timeout=PATIENCE)

    def exported(self) -> list[dict[str, str]]:
        done = run(["exportcsv", "--raw"], self.env)
        assert done.returncode == 0, done.stderr
        return list(csv.DictReader(io.StringIO(done.stdout), strict=True))


@pytest.fixture
def product(product_env: dict[str, str]) -> Iterator[Product]:
    port = free_ports(1)
    env = product_env | {"DASHBOARD_LOGIN_REQUIRED": "0", "PORT": str(port), "SIMULATE": "0"}
    with running(["runall"], env) as everything:
        everything.wait_for("Brokerlytics is ready")
        write_key = re.search(r"wk_\S+", everything.output)
        assert write_key
        yield Product(f"http://127.0.0.1:{port}", write_key[0], env)
        assert everything.stop() == 0


def test_what_is_posted_is_in_the_csv_and_on_the_page(product: Product, chromium: Browser) -> None:
    answer = product.post([*GOOD[:2], BAD, *GOOD[2:]])
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 4
    assert [(item["index"], item["code"], item["field"]) for item in answer.json()["rejected"]] == [
        (2, "invalid_type", "revenue")
    ]

    wait_until(lambda: len(product.exported()) >= 4, pause=1)
    rows = {row["event_id"]: row for row in product.exported()}
    assert sorted(rows) == ["a", "b", "c", "d"]
    assert rows["b"]["revenue"] == "9.99"
    assert rows["b"]["source"] == "default"
    assert rows["d"]["event_type"] == "=cmd()"
    assert json.loads(rows["d"]["properties"]) == GOOD[3]["properties"]

    tab = chromium.new_page()
    tab.goto(product.url)
    drawn = tab.evaluate("() => Chart.getChart('events').data.datasets.map((set) => [set.label, set.data])")
    assert {label: sum(value or 0 for value in values) for label, values in drawn} == {
        "REVENUE": 2,
        "START_SESSION": 1,
        "=cmd()": 1,
    }
    cards = tab.locator("[data-live=cards]").inner_text()
    assert "10" in cards
    assert "EUR" in cards
    tab.close()


def test_a_killed_feeder_and_a_killed_web_server_come_back_and_lose_nothing(product: Product) -> None:
    acknowledged: list[str] = []
    for number in range(60):
        if number in (20, 40):
            kill("runfeeder" if number == 20 else "granian", product.env)
        with suppress(httpx.TransportError):
            answer = product.post({"event_id": f"e{number}", "event_type": "VIEW", "device_id": "d"})
            if answer.status_code == 202:
                acknowledged.append(f"e{number}")
        sleep(0.1)
    wait_until(lambda: lives(product.url))
    assert product.post({"event_id": "last", "event_type": "VIEW", "device_id": "d"}).status_code == 202
    wait_until(lambda: any(row["event_id"] == "last" for row in product.exported()), pause=1)
    stored = Counter(row["event_id"] for row in product.exported())
    assert len(acknowledged) > 30
    assert set(acknowledged) <= set(stored)
    assert set(stored.values()) == {1}


def kill(name: str, env: dict[str, str]) -> None:
    """kill -9 for the processes of this product whose command line has `name`."""
    found = [
        process
        for process in psutil.process_iter()
        if process.status() != psutil.STATUS_ZOMBIE and name in " ".join(process.cmdline())
        if process.environ().get("DATA_DIR") == env["DATA_DIR"]
    ]
    assert found
    for process in found:
        process.kill()
