import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dashboard_app.asking import check_names
from dashboard_app.presenting.links import page_url
from dashboard_app.registry import REPORTS
from dashboard_app.report import AnyReport
from tests.dashboard.store_builder import Partition, make_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader_client(store: Path, client: Client) -> Client:  # noqa: ARG001 (the store is set up first)
    client.force_login(User.objects.create_user("reader"))
    return client


def text(client: Client, path: str = "/", *, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


@pytest.mark.usefixtures("store")
def test_a_stranger_is_sent_to_sign_in_and_back(client: Client) -> None:
    response = client.get("/?range=7d")
    assert response.status_code == 302
    assert response.headers["Location"] == "/login/?next=/%3Frange%3D7d"


@pytest.mark.usefixtures("store")
def test_someone_who_is_no_staff_signs_in_and_goes_where_they_wanted(client: Client) -> None:
    User.objects.create_user("analyst", password="the right one")
    query = {"username": "analyst", "next": "/?range=7d"}
    assert "correct username and password" in client.post("/login/", {**query, "password": "wrong"}).content.decode()
    assert client.post("/login/", {**query, "password": "the right one"}).headers["Location"] == "/?range=7d"
    assert client.get("/").status_code == 200
    elsewhere = {**query, "password": "the right one", "next": "https://example.org/"}
    assert client.post("/login/", elsewhere).headers["Location"] == "/"


@pytest.mark.usefixtures("store")
def test_the_dashboard_can_be_opened_to_everyone(client: Client, settings: Settings) -> None:
    settings.DASHBOARD_LOGIN_REQUIRED = False
    page = text(client)
    assert "No events yet" in page
    assert "Sign in" in page


def test_signing_out_takes_a_post_and_ends_the_session(reader_client: Client) -> None:
    assert reader_client.get("/sign-out/").status_code == 405
    assert reader_client.post("/sign-out/").headers["Location"] == "/"
    assert reader_client.get("/").status_code == 302


def test_only_staff_is_shown_the_admin(reader_client: Client) -> None:
    assert ">Admin<" not in text(reader_client)
    reader_client.force_login(User.objects.create_user("boss", is_staff=True))
    assert ">Admin<" in text(reader_client)


def test_an_empty_store_says_what_to_do(reader_client: Client) -> None:
    page = text(reader_client)
    assert "No events yet" in page
    assert "No data yet" in page
    assert "/admin/analytics_app/source/setup/" not in page
    reader_client.force_login(User.objects.create_user("boss", is_staff=True))
    assert 'href="/admin/analytics_app/source/setup/"' in text(reader_client)


def test_without_revenue_no_currency_is_named(store: Path, reader_client: Client) -> None:
    Partition(store).commit([make_event(timezone.now())])
    page = text(reader_client, "/revenue/")
    assert "No event of this range has revenue in any currency." in page
    assert "no currency" not in page


def test_an_empty_range_says_when_the_newest_event_was(store: Path, reader_client: Client) -> None:
    Partition(store).commit([make_event(timezone.now() - timedelta(days=200, minutes=1))])
    page = text(reader_client)
    assert "No events in this range" in page
    assert "200 d ago" in page


def test_the_page_shows_the_numbers(store: Path, reader_client: Client) -> None:
    now = timezone.now()
    events = [make_event(now - timedelta(minutes=1), device_id=f"d{n % 1200}") for n in range(1234)]
    events += [make_event(now, "REVENUE", revenue=1234.5, currency="EUR"), make_event(now, "REVENUE", revenue=3)]
    Partition(store).commit(events, garbage=b"not committed")
    page = text(reader_client, "/?range=24h&compare=previous")
    for number in (
        'title="1,236">1.2k',
        'title="1,200">1.2k',
        'title="1,234.50 EUR">1.2k',
        'title="3.00 no currency">3.00',
    ):
        assert number in page
    assert "Data as of" in page
    assert "2026-11-23T12:00:00+00:00" in page


def test_what_an_event_says_is_text_and_never_markup(store: Path, reader_client: Client) -> None:
    evil = "</script><script>alert(1)</script>"
    Partition(store).commit(
        [make_event(timezone.now(), evil, device_id=evil, page_path=evil, currency="EUR", revenue=1)]
    )
    assert evil not in text(reader_client)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("range=1y", "is not known"),
        ("range=custom&from=2026-02-30&to=2026-03-01", "is no date and time"),
        ("range=custom&from=2026-03-02&to=2026-03-01", "ends before it starts"),
        ("range=90d&interval=minute", "Choose a longer interval"),
        ("range=%00&interval=%ff", "is not known"),
        ("filter=nothing:is:1", "is no column"),
        ("intervall=hour", "“intervall” is no parameter of Overview. Did you mean “interval”?"),
    ],
)
def test_a_wrong_query_is_told_on_the_page(store: Path, reader_client: Client, query: str, message: str) -> None:
    Partition(store).commit([make_event(timezone.now())])
    page = text(reader_client, f"/?{query}", status=400)
    assert message in page
    assert "Top events" in page


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        ("/", "filter=nothing:is:1", "range=7d&filter=kind:is:track"),
        ("/", "range=custom&from=x&to=2026-03-01", "filter=kind:is:track"),
        ("/", "range=custom&to=2026-03-01&interval=second", "filter=kind:is:track"),
        ("/funnel/", "window=soon&by=nothing", "range=7d&step=a&step=b"),
        ("/explore/", "by=nothing", "event1=page_view&measure1=devices"),
        ("/", "filter=nothing:is:1&filter=a&filter=nothing:is:1", "filter=kind:is:track&filter=source:is:b"),
        ("/funnel/", "step=a|nothing:is:1", "step=a&step=b"),
        ("/funnel/", "stepp=a&stepp=b&window=soon&utm_source=mail", "step=a&step=b"),
    ],
)
def test_what_is_right_of_a_query_stays(store: Path, reader_client: Client, path: str, wrong: str, right: str) -> None:
    Partition(store).commit([make_event(timezone.now())])
    for query in (f"{right}&{wrong}", f"{wrong}&{right}"):
        response = reader_client.get(f"{path}?{query}")
        assert (response.status_code, parse_qs(response.context["export_query"])) == (400, parse_qs(right))


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_every_link_and_field_of_a_page_is_a_parameter(store: Path, reader_client: Client, report: AnyReport) -> None:
    Partition(store).commit([make_event(timezone.now(), user_id="u"), make_event(timezone.now(), "pay", revenue=1)])
    page = unescape(text(reader_client, page_url(report.name, QueryDict("range=7d&compare=1&interval=hour"))))
    paths: dict[str, tuple[AnyReport, tuple[str, ...]]] = {page_url(one.name): (one, ()) for one in REPORTS}
    paths |= {f"/{one.name}.{kind}": (one, ("table", "bom")) for one in REPORTS for kind in ("csv", "json")}
    links = [link.partition("?") for link in re.findall('href="(/[^"]*)"', page)]
    asked = [(paths[path], QueryDict(query)) for path, _, query in links if path in paths]
    assert len(asked) > len(REPORTS)
    for (one, others), query in asked:
        check_names(one, query, *others)
    fields = re.findall(r'<(?:input|select)[^>]*name="([^"]*)"[^>]*form="filters"', page)
    check_names(report, QueryDict("&".join(fields)))


def test_a_query_whose_range_alone_is_too_long_is_told(store: Path, reader_client: Client) -> None:
    Partition(store).commit([make_event(timezone.now())])
    page = text(reader_client, "/retention/?range=custom&from=1970-01-02&to=2026-01-01", status=400)
    assert "cohorts of a month" in page


def test_only_reading_is_allowed(reader_client: Client) -> None:
    assert reader_client.post("/").status_code == 405


def test_a_corrupt_checkpoint_is_told_on_the_page(
    store: Path, reader_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    partition = Partition(store)
    partition.commit([make_event(timezone.now())])
    partition.paths.checkpoint.write_bytes(b"\xff" * 16384)
    page = text(reader_client, status=503)
    assert "The store cannot be read" in page
    assert "neither slot of the checkpoint is valid" in page
    assert "The store cannot be read: " in caplog.text


def test_a_damaged_segment_is_told_without_its_rows(
    store: Path, reader_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    partition = Partition(store)
    partition.commit([make_event(timezone.now(), device_id="secret-device")] * 3)
    path = partition.close()
    path.write_bytes(path.read_bytes()[:-40])
    page = text(reader_client, status=503)
    for told in (page, caplog.text):
        assert f"{path.name}: line 4 is no row of the CSV contract" in told
        assert "secret-device" not in told


def test_the_page_is_never_taken_from_a_cache(reader_client: Client) -> None:
    assert "no-store" in reader_client.get("/").headers["Cache-Control"]


def test_times_are_written_in_the_projects_timezone(store: Path, reader_client: Client, settings: Settings) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    Partition(store).commit([make_event(datetime(2026, 1, 1, 16, 30, tzinfo=UTC))])
    page = text(reader_client, "/?range=custom&from=2026-01-02T01:00&to=2026-01-02T02:00")
    assert "Fri 2 Jan 2026, 01:30:00 JST" in page


def test_browsers_find_the_icon_on_every_page(client: Client) -> None:
    response = client.get("/favicon.ico")
    assert response.headers["Location"] == "/static/dashboard_app/icon.svg"
    assert finders.find("dashboard_app/icon.svg")
