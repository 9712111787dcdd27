"""Saved reports and dashboards of them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from dashboard_app.models import Dashboard, DashboardCard, SavedReport
from tests.dashboard.keeping.conftest import client_of


@pytest.fixture
def dashboard(reader_user: User, report: SavedReport) -> Dashboard:
    one = Dashboard.objects.create(name="Monday", owner=reader_user)
    DashboardCard.objects.create(dashboard=one, report=report)
    return one


def names(dashboard: Dashboard) -> list[str]:
    return [card.report.name for card in dashboard.cards.all()]


@pytest.mark.usefixtures("rows")
def test_a_report_is_saved_with_its_query_and_opened_with_it(reader_user: User) -> None:
    client = client_of(reader_user)
    page = client.get("/?range=30d&filter=event_type:is:page_view").content.decode()
    assert 'value="range=30d&amp;filter=event_type:is:page_view"' in page
    form = {"name": "A month", "report": "overview", "query": "range=30d&filter=event_type:is:page_view"}
    assert client.post("/saved/", {**form, "next": "/?range=30d"})["Location"] == "/?range=30d"
    saved = SavedReport.objects.get()
    assert (saved.name, saved.saved_by) == ("A month", reader_user)
    opened = client.get(f"/saved/{saved.pk}/")["Location"]
    assert opened == "/?range=30d&filter=event_type:is:page_view"
    assert client.get(opened).status_code == 200
    client.post("/saved/", {**form, "query": "range=7d"})
    assert SavedReport.objects.get().query == "range=7d"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"name": "x", "report": "nothing", "query": ""}, "There is no report “nothing”"),
        ({"name": "x", "report": "overview", "query": "range=1y"}, "The range “1y” is not known"),
        ({"name": "x", "report": "overview", "query": "rang=7d"}, "Did you mean “range”?"),
        ({"name": "", "report": "overview", "query": ""}, "Name: This field is required"),
        ({"name": "x" * 101, "report": "overview", "query": ""}, "at most 100 characters"),
        ({"name": "x\0", "report": "overview", "query": ""}, "Null characters are not allowed"),
    ],
)
def test_what_cannot_be_saved_is_told(reader_user: User, form: dict[str, str], message: str) -> None:
    page = client_of(reader_user).post("/saved/", form, follow=True).content.decode()
    assert message in page
    assert not SavedReport.objects.exists()


@pytest.mark.usefixtures("rows")
def test_saving_leads_to_no_other_site(reader_user: User) -> None:
    form = {"name": "x", "report": "overview", "query": "", "next": "https://example.org/"}
    for evil in ("https://example.org/", "//example.org/", "javascript:alert(1)", "nowhere", "no:where"):
        assert client_of(reader_user).post("/saved/", {**form, "next": evil})["Location"] == "/saved/"


@pytest.mark.usefixtures("rows")
def test_a_stranger_sees_nothing_and_saves_nothing(
    client: Client, report: SavedReport, dashboard: Dashboard, settings: Settings
) -> None:
    posts = ["/saved/", f"/saved/{report.pk}/delete/", "/dashboards/", f"/dashboards/{dashboard.pk}/cards/"]
    posts += [f"/saved/{report.pk}/rename/", f"/dashboards/{dashboard.pk}/rename/"]
    posts += [f"/dashboards/{dashboard.pk}/delete/", f"/saved/{report.pk}/share/", "/annotations/", "/tokens/"]
    for path in ("/saved/", f"/saved/{report.pk}/", f"/dashboards/{dashboard.pk}/", "/annotations/", "/tokens/"):
        assert client.get(path)["Location"].startswith("/login/")
    for open_to_all in (False, True):
        settings.DASHBOARD_LOGIN_REQUIRED = not open_to_all
        for path in posts:
            assert client.post(path, {"name": "x"})["Location"].startswith("/login/")
    assert client.get(f"/dashboards/{dashboard.pk}/").status_code == 200
    assert client.get("/tokens/").status_code == 302
    assert (SavedReport.objects.count(), Dashboard.objects.count()) == (1, 1)


@pytest.mark.usefixtures("rows")
def test_only_the_owner_and_staff_change_things(
    report: SavedReport, dashboard: Dashboard, analyst: User, boss: User
) -> None:
    card = dashboard.cards.get()
    other = client_of(analyst)
    assert "Delete" not in other.get("/saved/").content.decode()
    for path in (
        f"/saved/{report.pk}/delete/",
        f"/saved/{report.pk}/rename/",
        f"/saved/{report.pk}/share/",
        f"/dashboards/{dashboard.pk}/delete/",
        f"/dashboards/{dashboard.pk}/rename/",
        f"/dashboards/{dashboard.pk}/share/",
        f"/dashboards/{dashboard.pk}/cards/",
        f"/dashboards/{dashboard.pk}/cards/{card.pk}/",
    ):
        assert other.post(path, {"action": "remove", "report": report.pk, "name": "x"}).status_code == 403
        assert other.get(path).status_code == 405
    assert client_of(boss).post(f"/saved/{report.pk}/delete/").status_code == 302
    assert not DashboardCard.objects.exists()


@pytest.mark.usefixtures("store")
def test_what_is_kept_gets_another_name(reader_user: User, report: SavedReport, dashboard: Dashboard) -> None:
    client = client_of(reader_user)
    page = client.post(f"/saved/{report.pk}/rename/", {"name": " Seven days "}, follow=True).content.decode()
    assert "It is called “Seven days” now." in page
    client.post(f"/dashboards/{dashboard.pk}/rename/", {"name": "Tuesday"})
    assert (names(dashboard), Dashboard.objects.get().name) == (["Seven days"], "Tuesday")
    report.refresh_from_db()
    assert (report.query, report.saved_by) == ("range=7d", reader_user)
    page = client.post(f"/dashboards/{dashboard.pk}/rename/", {"name": ""}, follow=True).content.decode()
    assert "Name: This field is required" in page
    assert Dashboard.objects.get().name == "Tuesday"


@pytest.mark.usefixtures("store")
def test_no_two_of_ones_own_get_the_same_name(reader_user: User, analyst: User, report: SavedReport) -> None:
    """Saving under that name would replace any of them."""
    taken = SavedReport.objects.create(name="Taken", report="overview", saved_by=reader_user)
    SavedReport.objects.create(name="Free", report="overview", saved_by=analyst)
    client = client_of(reader_user)
    page = client.post(f"/saved/{report.pk}/rename/", {"name": "Taken"}, follow=True).content.decode()
    assert "There is another one “Taken”" in page
    client.post(f"/saved/{report.pk}/rename/", {"name": "Free"})
    client.post(f"/saved/{taken.pk}/rename/", {"name": "Taken"})
    assert sorted(SavedReport.objects.filter(saved_by=reader_user).values_list("name", flat=True)) == ["Free", "Taken"]


@pytest.mark.usefixtures("rows")
def test_a_dashboard_shows_its_reports_in_its_order(reader_user: User, dashboard: Dashboard) -> None:
    client = client_of(reader_user)
    other = SavedReport.objects.create(name="A day", report="overview", query="range=24h", saved_by=reader_user)
    path = f"/dashboards/{dashboard.pk}/"
    for _ in range(2):
        client.post(f"{path}cards/", {"report": other.pk})
    assert names(dashboard) == ["Last week", "A day"]
    second = dashboard.cards.get(report=other)
    client.post(f"{path}cards/{second.pk}/", {"action": "up"})
    assert names(dashboard) == ["A day", "Last week"]
    client.post(f"{path}cards/{second.pk}/", {"action": "up"})
    client.post(f"{path}cards/{second.pk}/", {"action": "down"})
    assert names(dashboard) == ["Last week", "A day"]
    cards = [card for _, card in client.get(path).context["cards"]]
    assert [card.name for card in cards] == ["Last week", "A day"]
    for card in cards:
        assert sum(sum(one["values"]) for one in card.charts[0].payload["series"]) == 20
    assert len({chart.id for card in cards for chart in card.charts}) == sum(len(card.charts) for card in cards)
    client.post(f"{path}cards/{second.pk}/", {"action": "remove"})
    assert names(dashboard) == ["Last week"]


@pytest.mark.usefixtures("rows")
def test_a_query_on_a_dashboard_is_for_who_may_run_it(
    reader_user: User, analyst: User, dashboard: Dashboard, query: SavedReport
) -> None:
    path = f"/dashboards/{dashboard.pk}/"
    assert client_of(reader_user).post(f"{path}cards/", {"report": query.pk}).status_code == 403
    assert query not in client_of(reader_user).get(path).context["choice"]
    DashboardCard.objects.create(dashboard=dashboard, report=query, position=9)
    assert "page_view" in str(client_of(analyst).get(path).context["cards"][1][1].charts[0].rows)
    refused = client_of(reader_user).get(path).context["cards"][1][1]
    assert "only those see who may run SQL" in refused.problem
    assert (refused.charts, refused.tables) == ([], [])


@pytest.mark.usefixtures("rows")
def test_a_card_says_what_its_numbers_are_of(reader_user: User, dashboard: Dashboard) -> None:
    live = SavedReport.objects.create(name="Live", report="live", saved_by=reader_user)
    DashboardCard.objects.create(dashboard=dashboard, report=live, position=9)
    week, present = [card for _, card in client_of(reader_user).get(f"/dashboards/{dashboard.pk}/").context["cards"]]
    assert week.about.startswith("Overview, ")
    assert present.about == "Live, the last 30 minutes"
    (stream,) = [table for table in present.tables if table.title == "Newest events"]
    # Nobody's page, platform or country is known.
    assert [label for label, _ in stream.columns] == [
        *("Received on", "Created on", "Event type", "Who", "Revenue", "Currency", "Partition", "Offset"),
    ]


@pytest.mark.usefixtures("store")
def test_a_card_that_cannot_be_shown_says_why(reader_user: User, dashboard: Dashboard) -> None:
    gone = SavedReport.objects.create(name="Gone", report="gone", saved_by=reader_user)
    wrong = SavedReport.objects.create(name="Wrong", report="overview", query="range=1y", saved_by=reader_user)
    for position, one in enumerate((gone, wrong)):
        DashboardCard.objects.create(dashboard=dashboard, report=one, position=position + 1)
    page = client_of(reader_user).get(f"/dashboards/{dashboard.pk}/").content.decode()
    assert "There is no report “gone” any more" in page
    assert "The range “1y” is not known" in page


@pytest.mark.usefixtures("rows")
def test_what_was_saved_with_a_parameter_that_is_gone_is_still_shown(reader_user: User, dashboard: Dashboard) -> None:
    old = SavedReport.objects.create(name="Old", report="overview", query="range=7d&gone=1", saved_by=reader_user)
    DashboardCard.objects.create(dashboard=dashboard, report=old, position=1)
    _, card = [card for _, card in client_of(reader_user).get(f"/dashboards/{dashboard.pk}/").context["cards"]]
    assert (card.problem, len(card.charts)) == ("", 2 + 1)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("number", ["9" * 30, "x"])
def test_what_is_no_number_of_anything_is_not_found(reader_user: User, dashboard: Dashboard, number: str) -> None:
    client = client_of(reader_user)
    assert client.post(f"/dashboards/{dashboard.pk}/cards/", {"report": number}).status_code == 404
    assert client.get(f"/saved/{number}/").status_code == 404
    assert client.get(f"/dashboards/{number}/").status_code == 404
    assert client.post(f"/tokens/{number}/revoke/").status_code == 404
