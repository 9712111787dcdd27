"""Share links: what they show, and everything that they do not."""

import logging
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from dashboard_app.models import Annotation, Dashboard, DashboardCard, SavedReport, ShareLink
from dashboard_app.presenting.links import page_url
from dashboard_app.registry import REPORTS
from tests.dashboard.keeping.conftest import client_of
from tests.dashboard.store_builder import Partition, make_event


def share(user: User, path: str, **form: str) -> str:
    """The path of a new link."""
    response = client_of(user).post(path, form)
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    found = re.search(r'value="http://testserver(/share/[^"]+/)"', response.content.decode())
    assert found
    return found[1]


@pytest.fixture
def link(reader_user: User, report: SavedReport) -> str:
    return share(reader_user, f"/saved/{report.pk}/share/")


@pytest.mark.usefixtures("rows")
def test_a_link_shows_its_report_to_anybody(link: str) -> None:
    page = Client().get(link)
    assert page.status_code == 200
    (card,) = page.context["cards"]
    assert card.name == "Last week"
    assert sum(sum(one["values"]) for one in card.charts[0].payload["series"]) == 20


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("name", [one.name for one in REPORTS])
def test_every_report_can_be_shared_and_is_sealed(reader_user: User, name: str) -> None:
    saved = SavedReport.objects.create(name="Any", report=name, query="range=7d", saved_by=reader_user)
    response = Client().get(share(reader_user, f"/saved/{saved.pk}/share/"))
    (card,) = response.context["cards"]
    assert card.problem == ""
    assert card.charts or card.tables
    assert "<a " not in response.content.decode()
    assert 'name="report" value="' in client_of(reader_user).get(page_url(name)).content.decode()


@pytest.fixture
def rows_of_two_days(rows: Partition) -> None:
    rows.commit([make_event(timezone.now() - timedelta(days=2), device_id="d1")])


@pytest.mark.usefixtures("rows_of_two_days")
@pytest.mark.parametrize(
    ("report", "query", "seen", "listed"),
    [
        ("overview", "range=7d", ["Unique devices"], "Newest events"),
        ("retention", "range=7d", ['<td class="num heat-', "Dashed: the day"], ""),
        ("funnel", "range=7d&step=page_view&step=page_view", ["Went no further", "Median time to convert"], ""),
        ("revenue", "range=7d", ['<td class="num heat-', "Cumulative"], "Revenue by currency, in total"),
    ],
)
def test_a_card_draws_what_the_page_draws(
    reader_user: User, report: str, query: str, seen: list[str], listed: str
) -> None:
    """What is drawn is not in the tables below once more."""
    saved = SavedReport.objects.create(name="Any", report=report, query=query, saved_by=reader_user)
    response = Client().get(share(reader_user, f"/saved/{saved.pk}/share/"))
    (card,) = response.context["cards"]
    page = response.content.decode()
    assert [text for text in seen if text not in page] == []
    titles = {table.title for table in card.tables}
    assert not listed or listed in titles
    drawn = {"Headline numbers", "People who came back", "Percent who came back", "Steps"}
    assert not titles & drawn
    assert not any(title.startswith("Revenue per person by cohort") for title in titles)


@pytest.mark.usefixtures("rows")
def test_the_query_of_the_address_changes_nothing(link: str) -> None:
    plain = Client().get(link).context["cards"][0]
    asked = Client().get(f"{link}?range=1h&filter=event_type:is:nothing&report=sql&sql=SELECT+1").context["cards"][0]
    assert asked.charts[0].payload["labels"] == plain.charts[0].payload["labels"]
    assert asked.charts[0].rows == plain.charts[0].rows


@pytest.mark.usefixtures("rows")
def test_the_address_is_told_to_nobody(link: str) -> None:
    for response in (Client().get(link), Client().get("/share/share_wrong/")):
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert "no-store" in response["Cache-Control"]
        page = response.content.decode()
        assert '<meta name="referrer" content="no-referrer">' in page
        assert '<meta name="robots" content="noindex' in page


@pytest.mark.usefixtures("rows")
def test_a_shared_page_leads_nowhere_else(link: str) -> None:
    client = Client()
    page = client.get(link).content.decode()
    assert "<a " not in page
    assert "<form" not in page
    assert all(url.startswith("/static/") for url in re.findall(r'(?:href|src)="([^"]+)"', page))
    assert not client.cookies
    for path in ("/", "/saved/", "/overview.csv", "/overview.json", "/api/v1/stats/overview", "/sql/"):
        assert client.get(path).status_code in (302, 401)
    assert client.post(link).status_code == 405


@pytest.mark.usefixtures("rows")
def test_links_that_open_no_more_cannot_be_told_from_wrong_ones(
    link: str, reader_user: User, report: SavedReport
) -> None:
    revoked, expired, inactive = (share(reader_user, f"/saved/{report.pk}/share/", expires="1") for _ in range(3))
    wrong = Client().get("/share/share_wrong/")
    assert wrong.status_code == 404
    links = list(ShareLink.objects.order_by("pk"))
    assert links[1].expires_on is not None
    assert client_of(reader_user).post(f"/share-links/{links[1].pk}/revoke/").status_code == 302
    ShareLink.objects.filter(pk=links[2].pk).update(expires_on=timezone.now() - timedelta(seconds=1))
    assert Client().get(link).status_code == Client().get(inactive).status_code == 200
    for path in (revoked, expired):
        assert Client().get(path).content == wrong.content
    reader_user.is_active = False
    reader_user.save()
    assert Client().get(inactive).content == Client().get(link).content == wrong.content


@pytest.mark.usefixtures("rows")
def test_a_link_ends_with_what_it_shows(link: str, reader_user: User, report: SavedReport) -> None:
    client_of(reader_user).post(f"/saved/{report.pk}/delete/")
    assert Client().get(link).status_code == 404


@pytest.mark.usefixtures("rows")
def test_the_token_is_kept_nowhere(link: str) -> None:
    token = link.split("/")[2]
    assert len(token) > 40
    stored = str(ShareLink.objects.values_list().get())
    assert token not in stored
    assert Client().get(f"/share/{ShareLink.objects.get().token_digest}/").status_code == 404


@pytest.mark.django_db
def test_the_token_of_a_link_that_opens_nothing_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    log = StringIO()
    (console,) = (one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler)
    monkeypatch.setattr(console, "stream", log)
    assert Client().get("/share/share_wrong/").status_code == 404
    assert "Not Found: /share/…/\n" in log.getvalue()


@pytest.mark.usefixtures("rows")
def test_only_the_maker_and_staff_revoke_a_link(link: str, analyst: User, boss: User) -> None:
    pk = ShareLink.objects.get().pk
    assert client_of(analyst).post(f"/share-links/{pk}/revoke/").status_code == 403
    assert not client_of(analyst).get("/saved/").context["links"]
    assert Client().get(link).status_code == 200
    assert client_of(boss).post(f"/share-links/{pk}/revoke/").status_code == 302
    assert Client().get(link).status_code == 404


@pytest.mark.usefixtures("rows")
def test_notes_of_the_team_are_not_shared(link: str, report: SavedReport, reader_user: User) -> None:
    Annotation.objects.create(at=timezone.now() - timedelta(hours=1), text="We lost ACME")
    client = client_of(reader_user)
    assert "We lost ACME" in client.get("/?range=7d").content.decode()
    assert "We lost ACME" not in Client().get(link).content.decode()
    dashboard = Dashboard.objects.create(name="Monday", owner=reader_user)
    DashboardCard.objects.create(dashboard=dashboard, report=report)
    assert "We lost ACME" in client.get(f"/dashboards/{dashboard.pk}/").content.decode()


@pytest.mark.usefixtures("rows")
def test_a_query_is_shared_by_who_may_run_it_and_as_long_as_they_may(
    reader_user: User, analyst: User, query: SavedReport
) -> None:
    link = share(analyst, f"/saved/{query.pk}/share/")
    page = Client().get(link)
    assert page.context["cards"][0].charts[0].payload["labels"] == ["page_view", "=1+1"]
    assert "SELECT" not in page.content.decode()
    assert client_of(reader_user).post(f"/saved/{query.pk}/share/").status_code == 403
    analyst.user_permissions.remove(Permission.objects.get(codename="run_sql"))
    assert client_of(analyst).post(f"/saved/{query.pk}/share/").status_code == 403
    refused = Client().get(link).context["cards"][0]
    assert "only those see who may run SQL" in refused.problem
    assert (refused.charts, refused.tables) == ([], [])


@pytest.mark.usefixtures("rows")
def test_a_query_of_who_may_not_run_it_is_never_shared(reader_user: User, boss: User, query: SavedReport) -> None:
    SavedReport.objects.filter(pk=query.pk).update(saved_by=reader_user)
    link = share(boss, f"/saved/{query.pk}/share/")
    assert "only those see who may run SQL" in Client().get(link).context["cards"][0].problem


@pytest.mark.usefixtures("rows")
def test_a_dashboard_with_a_query_is_not_shared_by_who_may_not_run_it(
    reader_user: User, boss: User, report: SavedReport, query: SavedReport
) -> None:
    dashboard = Dashboard.objects.create(name="Monday", owner=reader_user)
    DashboardCard.objects.create(dashboard=dashboard, report=report)
    by_reader = share(reader_user, f"/dashboards/{dashboard.pk}/share/")
    DashboardCard.objects.create(dashboard=dashboard, report=query, position=1)
    assert client_of(reader_user).post(f"/dashboards/{dashboard.pk}/share/").status_code == 403
    by_boss = share(boss, f"/dashboards/{dashboard.pk}/share/")
    assert [bool(card.problem) for card in Client().get(by_reader).context["cards"]] == [False, True]
    assert [bool(card.problem) for card in Client().get(by_boss).context["cards"]] == [False, False]


@pytest.mark.usefixtures("rows")
def test_a_failed_query_tells_strangers_nothing(analyst: User, query: SavedReport) -> None:
    SavedReport.objects.filter(pk=query.pk).update(query="sql=SELECT+device_id::INT+FROM+events")
    link = share(analyst, f"/saved/{query.pk}/share/")
    page = Client().get(link).content.decode()
    assert "The query has no result now" in page
    assert "Conversion" not in page


@pytest.mark.usefixtures("store")
def test_an_expiry_is_one_of_the_choices(reader_user: User, report: SavedReport) -> None:
    assert client_of(reader_user).post(f"/saved/{report.pk}/share/", {"expires": "99999"}).status_code == 302
    assert not ShareLink.objects.exists()
