"""The stats API and the downloads: the numbers of the pages, and what is wrong with a query."""

import csv
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.throttling import ScopedRateThrottle

from dashboard_app.reading.rows import Rows
from dashboard_app.registry import REPORTS
from dashboard_app.reports.overview import OverviewReport
from tests.dashboard.store_builder import Partition, make_event

pytestmark = pytest.mark.django_db
NAMES = [report.name for report in REPORTS]


@pytest.fixture(autouse=True)
def _no_request_counts_yet() -> None:
    cache.clear()


@pytest.fixture
def reader_client(store: Path, client: Client) -> Client:
    now = timezone.now()
    events = [make_event(now - timedelta(minutes=n), device_id=f"d{n % 7}", country="DE") for n in range(50)]
    events += [make_event(now, "REVENUE", device_id="d1", revenue=19.999999, currency="EUR", country="=FR")]
    Partition(store).commit(events)
    client.force_login(User.objects.create_user("reader"))
    return client


def table(document: Any, name: str) -> Any:
    return next(one for one in document["tables"] if one["name"] == name)


@pytest.mark.parametrize("name", NAMES)
def test_the_api_and_the_downloads_of_a_report_say_the_same(
    reader_client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # A range ends with the present minute, which may end between two requests.
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    query = {"range": "7d", "compare": "previous", "filter": ["country:set:"]}
    document = reader_client.get(f"/api/v1/stats/{name}", query).json()
    downloaded = reader_client.get(f"/{name}.json", query)
    assert "attachment" in downloaded["Content-Disposition"]
    assert document == downloaded.json()
    assert document["filters"] == ["country:set:"]
    for one in document["tables"]:
        response = reader_client.get(f"/{name}.csv", {**query, "table": one["name"]})
        header, *rows = csv.reader(StringIO(response.content.decode()))
        assert header == one["columns"]
        assert [[cell.lstrip("'") for cell in row] for row in rows] == [
            [as_cell(v) for v in row] for row in one["rows"]
        ]


def as_cell(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def test_the_api_gives_the_numbers(reader_client: Client) -> None:
    document = reader_client.get("/api/v1/stats/overview?range=7d").json()
    assert table(document, "headline")["rows"] == [
        ["Events", "", 51, 0],
        ["Unique devices", "", 7, 0],
        ["Sessions", "", 7, 0],
        ["Revenue", "EUR", "19.999999", "0"],
    ]
    assert document["data_as_of"] == "2026-11-23T12:00:00+00:00"


@pytest.mark.parametrize(
    ("query", "events"),
    [("filter=country:is:DE", 50), ("filter=country:not:DE", 1), ("source=web", 0), ("filter=revenue:gt:1", 1)],
)
def test_filters_choose_the_rows(reader_client: Client, query: str, events: int) -> None:
    document = reader_client.get(f"/api/v1/stats/overview?{query}").json()
    assert table(document, "headline")["rows"][0][2] == events


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("interval=second", "/interval"),
        ("range=custom&from=2026-01-01", "/to"),
        ("filter=country:is:DE&filter=x:is:1", "/filter"),
        ("table=nothing", "/table"),
        ("intervall=hour", "/intervall"),
        ("range=7d&add_column=country", "/add_column"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_query_is_a_problem_that_points_at_it(
    reader_client: Client, name: str, query: str, pointer: str
) -> None:
    response = reader_client.get(f"/api/v1/stats/{name}?{query}")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert (response.json()["code"], response.json()["pointer"]) == ("invalid_parameter", pointer)
    assert reader_client.get(f"/{name}.csv?{query}").status_code == 400


def test_a_mistyped_parameter_is_told_with_the_nearest(reader_client: Client) -> None:
    for path in ("/api/v1/stats/explore", "/explore.csv", "/explore.json"):
        answer = reader_client.get(f"{path}?measure_1=events")
        assert answer.status_code == 400
        assert "“measure_1” is no parameter of Explore. Did you mean “measure1”?" in answer.content.decode()
    assert reader_client.get("/api/v1/stats/overview?bom=1").json()["pointer"] == "/bom"
    assert reader_client.get("/overview.csv?bom=1").status_code == 200


def test_a_format_that_there_is_not_is_told(reader_client: Client) -> None:
    answer = reader_client.get("/api/v1/stats/overview?format=csv")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert (answer.json()["code"], answer.json()["pointer"]) == ("invalid_parameter", "/format")
    assert "/overview.csv" in answer.json()["message"]
    assert reader_client.get("/api/v1/stats/overview?format=json").json()["report"] == "overview"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", NAMES)
def test_a_stranger_gets_no_numbers(client: Client, settings: Settings, name: str) -> None:
    response = client.get(f"/api/v1/stats/{name}")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert client.get(f"/{name}.csv").status_code == client.get(f"/{name}.json").status_code == 302
    settings.DASHBOARD_LOGIN_REQUIRED = False
    assert client.get(f"/api/v1/stats/{name}").status_code == client.get(f"/{name}.csv").status_code == 200


def test_only_so_many_requests_are_answered(reader_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"stats": "2/minute"})
    codes = [reader_client.get("/api/v1/stats/overview").status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_a_store_that_cannot_be_read_is_a_problem(store: Path, reader_client: Client) -> None:
    Partition(store).paths.checkpoint.write_bytes(b"\xff" * 16384)
    response = reader_client.get("/api/v1/stats/overview")
    assert (response.status_code, response.json()["code"]) == (503, "store_unreadable")
    assert reader_client.get("/overview.csv").status_code == 503


def test_what_takes_too_long_is_told(
    reader_client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_: OverviewReport, rows: Rows, *__: object) -> None:
        rows.connection.execute("SELECT count(*) FROM range(1000000000000)").fetchall()

    monkeypatch.setattr(OverviewReport, "measure", measure)
    settings.REPORT_TIMEOUT = 0.2
    response = reader_client.get("/api/v1/stats/overview?range=30d")
    assert (response.status_code, response.json()["code"]) == (503, "too_slow")
    page = reader_client.get("/?range=30d")
    assert page.status_code == 503
    assert "Choose a shorter range" in page.content.decode()
