"""The bar of filters: it works without JavaScript, and everything is in the address."""

from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dashboard_app.registry import REPORTS
from tests.dashboard.store_builder import Partition, make_event

pytestmark = pytest.mark.django_db
NAMES = [report.name for report in REPORTS]


@pytest.fixture
def reader_client(store: Path, client: Client) -> Client:
    Partition(store).commit([make_event(timezone.now(), country="a & b", source="web")] * 3)
    client.force_login(User.objects.create_user("reader"))
    return client


def page_path(name: str) -> str:
    return "/" if name == "overview" else f"/{name}/"


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_is_added_by_a_form_and_removed_by_a_link(reader_client: Client, name: str) -> None:
    path = page_path(name)
    fields = {"range": "7d", "filter": ["kind:is:track"], "add_column": "country", "add_op": "is", "add_value": "a & b"}
    added = reader_client.get(path, fields)
    assert added.status_code == 302
    query = parse_qs(urlsplit(added["Location"]).query)
    assert query == {"range": ["7d"], "filter": ["kind:is:track", "country:is:a & b"]}
    page = reader_client.get(added["Location"]).content.decode()
    assert '<input type="hidden" name="filter" value="country:is:a &amp; b">' in page
    assert f'href="{path}?range=7d&amp;filter=kind:is:track"' in page


def test_a_filter_without_a_value_needs_none(reader_client: Client) -> None:
    added = reader_client.get("/", {"add_column": "country", "add_op": "unset", "add_value": "left over"})
    assert unescape(added["Location"]) == "/?filter=country:unset:"


def test_a_property_may_have_a_colon_in_its_name(store: Path, reader_client: Client) -> None:
    Partition(store).commit([make_event(timezone.now(), properties={"og:title": "a"}), make_event(timezone.now())])
    added = reader_client.get("/", {"add_column": "properties.og:title", "add_op": "is", "add_value": "a"})["Location"]
    assert reader_client.get(added).context["cards"][0].figures[0].short == "1"
    rows = reader_client.get("/explore/?by=properties.og:title").context["breakdowns"][0].rows
    (url,) = [row.url for row in rows if row.label == "a"]
    assert [row.label for row in reader_client.get(url).context["breakdowns"][0].rows] == ["a"]


def test_an_empty_column_adds_nothing(reader_client: Client) -> None:
    assert reader_client.get("/?range=7d&add_column=&add_op=is&add_value=x")["Location"] == "/?range=7d"


def test_a_row_of_a_breakdown_filters_by_its_value(reader_client: Client) -> None:
    page = reader_client.get("/?range=7d").content.decode()
    assert 'href="/?range=7d&amp;filter=event_type:is:page_view"' in page


@pytest.mark.parametrize("name", NAMES)
def test_the_navigation_takes_range_and_filters_along(reader_client: Client, name: str) -> None:
    page = reader_client.get(f"{page_path(name)}?range=7d&source=web&filter=kind:is:track").content.decode()
    for other in NAMES:
        assert f'href="{page_path(other)}?range=7d&amp;source=web&amp;filter=kind:is:track"' in page
    assert page.count('aria-current="page"') == 1


def test_the_sources_of_the_range_can_be_chosen(reader_client: Client) -> None:
    assert '<option value="web">web</option>' in reader_client.get("/").content.decode()
    assert '<option value="app" selected>app</option>' in reader_client.get("/?source=app").content.decode()


def test_a_preset_takes_no_edges_along(reader_client: Client) -> None:
    fields = {"from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "add_column": "country", "add_op": "set"}
    assert reader_client.get("/", {"range": "7d", **fields})["Location"] == "/?range=7d&filter=country:set:"
    custom = reader_client.get("/", {"range": "custom", **fields})["Location"]
    assert custom == "/?range=custom&from=2026-11-01T00:00&to=2026-11-02T00:00&filter=country:set:"


def test_a_count_has_no_room_for_zeros_before_it(reader_client: Client) -> None:
    assert reader_client.get("/sessions/?pages=0000000011999").status_code == 400
