"""Funnel, retention and users as pages, and the same numbers as API and downloads."""

from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from brokerlytics.event import Event
from tests.dashboard.store_builder import Partition, make_event

pytestmark = pytest.mark.django_db

FUNNEL = "step=visit&step=buy"


@pytest.fixture
def reader_client(store: Path, client: Client) -> Client:  # noqa: ARG001 (the store is set up first)
    client.force_login(User.objects.create_user("reader"))
    return client


def text(client: Client, path: str, *, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, response.content
    return " ".join(response.content.decode().split())


def table(client: Client, path: str, name: str) -> list[list[object]]:
    answer = client.get(f"/api/v1/stats/{path}").json()
    rows: list[list[object]] = next(one["rows"] for one in answer["tables"] if one["name"] == name)
    return rows


def minutes_ago(minutes: float) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def identify(device: str, user: str, at: datetime, **traits: object) -> Event:
    return make_event(at, "IDENTIFY", device_id=device, user_id=user, kind="identify", properties=traits)


def write_people(store: Path) -> None:
    """Anna buys, first on a device that is not hers yet; Bob drops out; d3 stays unknown."""
    events = [
        make_event(minutes_ago(50), "visit", device_id="d1", country="DE", session_id="s1"),
        identify("d1", "anna/1", minutes_ago(49), email="Anna@Example.com", plan="free"),
        identify("d9", "anna/1", minutes_ago(20), plan="pro"),
        make_event(minutes_ago(19), "buy", device_id="d9", user_id="anna/1", revenue=12.5, currency="EUR"),
        make_event(minutes_ago(40), "visit", device_id="d2", user_id="bob", country="FR"),
        make_event(minutes_ago(30), "visit", device_id="d3", country="FR"),
    ]
    Partition(store).commit(events)


@pytest.mark.parametrize("path", ["/explore/?event1=Visit&event2=visit", "/funnel/?step=Visit&step=visit"])
def test_an_event_that_nobody_sent_is_told(store: Path, reader_client: Client, path: str) -> None:
    write_people(store)
    page = text(reader_client, path)
    assert "There is no event “Visit” in this range." in page
    assert "There is no event “visit”" not in page


@pytest.mark.parametrize(("path", "rows"), [("/?filter=event_type:not:IDENTIFY", "newest"), ("/live/", "stream")])
def test_from_an_event_to_who_it_was(store: Path, reader_client: Client, path: str, rows: str) -> None:
    write_people(store)
    Partition(store, 1).commit([make_event(minutes_ago(1), "visit", device_id="d5", user_id="eve&1")])
    Partition(store, 2).commit([make_event(minutes_ago(1), "visit", device_id="d6&")])
    urls = {row.event.who: row.url for row in reader_client.get(path).context[rows]}
    for who in ("eve&1", "d6&"):
        assert reader_client.get(urls[who]).context["person"].label == who


def test_the_currency_that_explore_takes_by_itself_is_not_chosen(store: Path, reader_client: Client) -> None:
    write_people(store)
    controls = reader_client.get("/explore/?measure1=sum").context["controls"]
    assert (controls["by"], controls["by_itself"]) == ("", "currency")
    controls = reader_client.get("/explore/?measure1=sum&by=currency").context["controls"]
    assert (controls["by"], controls["by_itself"]) == ("currency", "")


def test_without_steps_the_funnel_says_what_to_do(store: Path, reader_client: Client) -> None:
    write_people(store)
    page = text(reader_client, "/funnel/")
    assert "Which way do people go?" in page
    assert '<option value="visit">' in page
    assert table(reader_client, "funnel", "steps") == []


def test_a_funnel_follows_a_person_over_devices(store: Path, reader_client: Client) -> None:
    write_people(store)
    assert table(reader_client, f"funnel?{FUNNEL}", "steps") == [
        [1, "visit", 3, 100.0, 100.0, None],
        [2, "buy", 1, 33.3, 33.3, pytest.approx(31 * 60)],
    ]
    page = text(reader_client, f"/funnel/?{FUNNEL}&by=country")
    assert "31 min" in page
    assert table(reader_client, f"funnel?{FUNNEL}&by=country", "breakdown")[:2] == [
        ["FR", 1, 2, 100.0, 100.0, None],
        ["FR", 2, 0, 0.0, 0.0, None],
    ]


def test_who_dropped_is_a_click_away_and_each_has_a_page(store: Path, reader_client: Client) -> None:
    write_people(store)
    page = text(reader_client, f"/funnel/?{FUNNEL}")
    assert f'href="/funnel/?{FUNNEL.replace("&", "&amp;")}&amp;people=dropped-1#people"' in page
    page = text(reader_client, f"/funnel/?{FUNNEL}&people=dropped-1")
    assert 'href="/users/?user=bob"' in page
    assert 'href="/users/?device=d3"' in page
    assert "anna" not in page
    assert [row[:2] for row in table(reader_client, f"funnel?{FUNNEL}&people=converted-2", "people")] == [
        ["anna/1", "d9"]
    ]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("funnel/?step=A", "A funnel has 2 to 8 steps"),
        ("funnel/?step=A&step=B%7Cnope:is:1", "is no column"),
        ("funnel/?step=A&step=B&window=2y", "is no window of time"),
        ("funnel/?step=A&step=B&window=999999d", "is no window of time"),
        ("funnel/?step=A&step=B&by=nope", "is no column"),
        ("funnel/?step=A&step=B&people=dropped-3", "is no list of this funnel"),
        ("funnel/?step=A&step=B&page=0", "is no page"),
        ("retention/?period=hour", "The period “hour” is not known"),
        ("users/?sort=age", "The order “age” is not known"),
        ("users/?user=a&device=b", "not both"),
        ("users/?page=%C2%B2", "is no page"),
    ],
)
def test_a_wrong_query_is_told_on_the_page_and_by_the_api(
    store: Path, reader_client: Client, path: str, message: str
) -> None:
    write_people(store)
    assert message in text(reader_client, f"/{path}", status=400)
    assert message in reader_client.get(f"/api/v1/stats/{path}").json()["message"]


def test_retention_shows_cohorts_and_says_what_is_unfinished(store: Path, reader_client: Client) -> None:
    old = timezone.now() - timedelta(days=14)
    events = [make_event(old, device_id="d1"), make_event(old, device_id="d2")]
    events += [make_event(old + timedelta(days=7), device_id="d1"), make_event(timezone.now(), device_id="d2")]
    Partition(store).commit(events)
    page = text(reader_client, "/retention/?range=30d&period=week")
    assert ">50.0%<" in page
    assert 'class="num heat-10"' in page
    assert 'class="num heat-10 unfinished"' in page
    rows = {str(row[0]): row[1:4] for row in table(reader_client, "retention?range=30d&period=week", "retention")}
    assert [2, 1, 1] in rows.values()


def test_a_range_with_one_cohort_asks_for_a_longer_one(store: Path, reader_client: Client) -> None:
    write_people(store)
    now = timezone.now()
    month = f"range=custom&from={now:%Y-%m}-01&to={now + timedelta(days=1):%Y-%m-%d}"
    assert "Choose a longer range" in text(reader_client, f"/retention/?{month}&period=month")


def test_the_list_of_users_has_a_row_for_each_person(store: Path, reader_client: Client) -> None:
    write_people(store)
    rows = table(reader_client, "users", "users")
    assert [(row[0], row[1], row[4], row[5], row[6]) for row in rows] == [
        ("anna/1", "d9", 4, 2, "12.5"),
        (None, "d3", 1, 1, None),
        ("bob", "d2", 1, 1, None),
    ]
    assert [row[1] for row in table(reader_client, "users?sort=newest", "users")] == ["d3", "d2", "d9"]
    assert table(reader_client, "users?sort=most-events", "users")[0][1] == "d9"
    page = text(reader_client, "/users/")
    assert 'href="/users/?user=anna/1"' in page
    assert "12.50 EUR" in page


@pytest.mark.parametrize("query", ["ANNA/", "d9", "example.com", "anna@"])
def test_a_search_finds_ids_and_traits_whatever_the_range(store: Path, reader_client: Client, query: str) -> None:
    write_people(store)
    path = f"users?{urlencode({'q': query})}&from=2020-01-01T00:00&to=2020-01-02T00:00"
    assert [row[0] for row in table(reader_client, path, "users")] == ["anna/1"]


@pytest.mark.parametrize("query", ["%", "email", "nobody", '"'])
def test_a_search_finds_no_names_of_traits_and_no_patterns(store: Path, reader_client: Client, query: str) -> None:
    write_people(store)
    assert table(reader_client, f"users?{urlencode({'q': query})}", "users") == []


def test_a_trait_with_quotes_and_accents_is_found(store: Path, reader_client: Client) -> None:
    Partition(store).commit([identify("d1", "u1", minutes_ago(1), **{"nick/name": 'Zoë "Zo" \\ Müller'})])
    for query in ('"zo"', "ZOË", "\\ m"):
        assert [row[0] for row in table(reader_client, f"users?{urlencode({'q': query})}", "users")] == ["u1"]


def test_a_persons_page_joins_devices_and_shows_sessions_newest_first(store: Path, reader_client: Client) -> None:
    write_people(store)
    for path in ("user=anna/1", "device=d1"):
        page = text(reader_client, f"/users/?{path}")
        assert "Anna@Example.com" in page
    assert table(reader_client, "users?user=anna/1", "traits") == [["email", "Anna@Example.com"], ["plan", "pro"]]
    assert [row[:2] for row in table(reader_client, "users?user=anna/1", "ids")] == [
        ["user", "anna/1"],
        ["device", "d1"],
        ["device", "d9"],
    ]
    timeline = table(reader_client, "users?user=anna/1", "timeline")
    assert [row[2] for row in timeline] == ["buy", "IDENTIFY", "IDENTIFY", "visit"]
    assert len({str(row[0]) for row in timeline}) == 2


def test_what_lies_outside_of_the_range_is_a_click_away(store: Path, reader_client: Client) -> None:
    write_people(store)
    Partition(store, 1).commit([make_event(minutes_ago(60 * 24 * 9), "visit", device_id="d3")])
    page = text(reader_client, "/users/?device=d3&range=7d")
    assert "Show everything" in page
    link = page.partition('<a href="/users/?device=d3&amp;range=custom')[2].partition('"')[0].replace("&amp;", "&")
    assert len(table(reader_client, f"users?device=d3&range=custom{link}", "timeline")) == 2
    assert "Show everything" not in text(reader_client, f"/users/?device=d3&range=custom{link}")


def test_a_long_timeline_is_paged(store: Path, reader_client: Client) -> None:
    Partition(store).commit([make_event(minutes_ago(n / 60), "tick", device_id="d1") for n in range(130)])
    assert "30 of them on other pages" in text(reader_client, "/users/?device=d1")
    assert len(table(reader_client, "users?device=d1&page=2", "timeline")) == 30
    page = text(reader_client, "/users/?device=d1&page=2")
    assert 'href="/users/?device=d1" rel="prev"' in page
    assert "More →" not in page


def test_an_id_that_nobody_has_is_told(store: Path, reader_client: Client) -> None:
    write_people(store)
    assert "Nobody has the user id “no one”" in text(reader_client, "/users/?user=no+one")


def test_what_an_event_says_is_text_and_never_markup(store: Path, reader_client: Client) -> None:
    evil = "</script><script>alert(1)</script>"
    event = make_event(minutes_ago(5), evil, device_id=evil, user_id=evil, properties={evil: evil}, kind="identify")
    Partition(store).commit([event])
    step = urlencode({"step": evil})
    pages = [f"/funnel/?{step}&{step}&people=converted-1", f"/retention/?start={evil}", f"/users/?q={evil}"]
    for path in (*pages, "/users/", f"/users/?{urlencode({'user': evil})}"):
        assert evil not in text(reader_client, path)
