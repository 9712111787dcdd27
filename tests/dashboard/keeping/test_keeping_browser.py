"""What is kept, in a real Chromium: from a report over a dashboard to a link, and the SQL page by keyboard."""

from collections.abc import Iterator
from typing import Literal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from dashboard_app.models import SQL, Annotation, Dashboard, SavedReport, ShareLink
from tests.dashboard.drawn import axe_complaints, scroll_width
from tests.dashboard.store_builder import Partition, make_event

LABELS = "id => window.Chart?.getChart(document.querySelector(id))?.data.labels"


def drawn_labels(page: Page, chart: str) -> list[str]:
    """A form that was submitted leads to a page whose scripts may still be on their way."""
    labels: list[str] = page.wait_for_function(LABELS, arg=chart).json_value()
    return labels


def open_context(chromium: Browser, live_server: LiveServer, user: User | None) -> BrowserContext:
    context = chromium.new_context(base_url=live_server.url, timezone_id="UTC", color_scheme="light")
    if user:
        client = Client()
        client.force_login(user)
        value = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
    return context


@pytest.fixture
def page(chromium: Browser, rows: Partition, live_server: LiveServer) -> Iterator[Page]:  # noqa: ARG001
    """A page that staff is signed in to, and the check that its console stayed empty."""
    context = open_context(chromium, live_server, User.objects.create_user("boss", is_staff=True))
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    context.close()
    assert [text for text in complaints if "status of 40" not in text] == []


def test_sql_runs_by_keyboard_and_becomes_a_chart_and_a_file(page: Page) -> None:
    page.goto("/sql/")
    page.get_by_role("button", name="The commonest pages").click()
    expect(page.get_by_label("One SELECT over events")).to_contain_text("")
    assert "page_path" in page.get_by_label("One SELECT over events").input_value()
    page.get_by_label("One SELECT over events").fill(
        "SELECT event_type, count(*) AS n FROM events GROUP BY ALL ORDER BY n DESC"
    )
    page.get_by_label("Show as").select_option("bar")
    page.get_by_label("One SELECT over events").press("Control+Enter")
    expect(page.get_by_role("heading", name="2 rows")).to_be_visible()
    assert drawn_labels(page, "#result") == ["page_view", "=1+1"]
    assert page.get_by_role("region", name="Result, table").locator("td").all_inner_texts() == [
        *("page_view", "19", "=1+1", "1"),
    ]
    page.locator("summary", has_text="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert download.value.path().read_text() == "event_type,n\npage_view,19\n'=1+1,1\n"
    page.locator("summary", has_text="Save").click()
    page.get_by_label("Name").fill("By type")
    page.get_by_role("button", name="Save this query").click()
    expect(page.get_by_role("heading", name="By type")).to_be_visible()
    assert drawn_labels(page, "#result") == ["page_view", "=1+1"]


def test_a_refused_query_says_why_and_stays_in_the_editor(page: Page) -> None:
    page.goto("/sql/")
    editor = page.get_by_label("One SELECT over events")
    editor.fill("SELECT * FROM read_csv('/etc/passwd')")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("read_csv() is not allowed in FROM")
    assert editor.input_value() == "SELECT * FROM read_csv('/etc/passwd')"


def test_from_a_report_over_a_dashboard_to_a_stranger(page: Page, chromium: Browser, live_server: LiveServer) -> None:
    page.goto("/")
    page.get_by_text("7 days", exact=True).click()
    page.wait_for_url("**/?range=7d*")
    page.wait_for_function("() => Chart.getChart('events').data.labels.length === 7")
    page.locator("summary", has_text="Save").click()
    page.get_by_label("Name").fill("A week")
    page.get_by_role("button", name="Save this report").click()
    expect(page.get_by_role("status").filter(has_text="“A week” is saved.")).to_be_visible()
    assert SavedReport.objects.get().query.startswith("range=7d")
    page.get_by_role("link", name="Saved", exact=True).click()
    page.get_by_label("New dashboard").fill("Monday")
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("button", name="Put it on the dashboard").click()
    chart = f"#card-{SavedReport.objects.get().pk}-events"
    page.wait_for_function("id => Chart.getChart(document.querySelector(id))?.data.labels.length === 7", arg=chart)
    page.locator("summary", has_text="Share").click()
    page.get_by_label("It ends").select_option("in a week")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#secret").input_value()
    assert link.startswith(f"{live_server.url}/share/share_")
    stranger = open_context(chromium, live_server, None).new_page()
    complaints: list[str] = []
    stranger.on("console", lambda message: complaints.append(message.text))
    stranger.goto(link)
    stranger.wait_for_function("id => Chart.getChart(document.querySelector(id))?.data.labels.length === 7", arg=chart)
    assert stranger.locator("a, form").count() == 0
    assert complaints == []
    page.get_by_role("link", name="Back to the list").click()
    page.get_by_role("button", name="Revoke the link to Monday").click()
    stranger.reload()
    expect(stranger.get_by_role("heading", name="This link shows nothing")).to_be_visible()
    stranger.context.close()


def test_a_note_is_drawn_and_said(page: Page) -> None:
    page.goto("/?range=24h")
    page.locator("summary", has_text="Add a note").click()
    page.get_by_label("What happened").fill("Release 2.0")
    page.get_by_role("button", name="Mark it on every chart").click()
    expect(page.locator("#events-card .notes")).to_contain_text("Release 2.0")
    notes = page.evaluate("() => Chart.getChart('events').payload.annotations.map((note) => note.text)")
    assert notes == ["Release 2.0"]
    page.locator("#events-card summary", has_text="as a table").click()
    expect(page.locator("#events-card tbody th", has_text="· Release 2.0")).to_have_count(1)
    assert Annotation.objects.get().created_by == User.objects.get()


def test_what_is_deleted_is_asked_for_first(page: Page) -> None:
    saved = SavedReport.objects.create(name="A week", report="overview", saved_by=User.objects.get())
    page.goto("/saved/")
    page.get_by_label("Delete A week").click()
    assert SavedReport.objects.get() == saved
    page.get_by_role("button", name="Delete it for everyone").click()
    expect(page.get_by_role("status").filter(has_text="“A week” is deleted.")).to_be_visible()
    assert not SavedReport.objects.exists()


def test_what_is_typed_survives_the_refresh(page: Page, rows: Partition) -> None:
    page.clock.install()
    page.goto("/?range=7d")
    page.locator("summary", has_text="Save").click()
    page.get_by_label("Name").fill("Half a na")
    with page.expect_response("**/?range=7d"):
        page.clock.run_for(10_500)
    expect(page.get_by_label("Name")).to_have_value("Half a na")
    assert rows.next_offset == 20


def keep_board(*reports: str) -> tuple[Dashboard, list[SavedReport]]:
    boss = User.objects.get()
    dashboard = Dashboard.objects.create(name="Board", owner=boss)
    kept = [
        SavedReport.objects.create(name=f"The {one}", report=one, query="range=7d", saved_by=boss) for one in reports
    ]
    for position, one in enumerate(kept):
        dashboard.cards.create(report=one, position=position)
    return dashboard, kept


EVENTS_DRAWN = "id => Chart.getChart(id)?.data.datasets.flatMap((set) => set.data).reduce((sum, n) => sum + n, 0)"


def test_a_dashboard_refreshes_in_place_and_only_in_sight(page: Page, rows: Partition) -> None:
    dashboard, (overview, _) = keep_board("overview", "users")
    page.clock.install()
    page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => window.isHidden === true })")
    page.goto(f"/dashboards/{dashboard.pk}/")
    events = f"card-{overview.pk}-events"
    assert page.evaluate(EVENTS_DRAWN, events) == 20
    page.locator("summary", has_text="as a table").first.click()
    page.get_by_role("region", name="The users, Users, table").focus()
    page.locator("summary", has_text="Rename").click()
    page.get_by_label("New name").fill("Half a na")
    page.evaluate("scrollTo(0, 300)")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    rows.commit([make_event(timezone.now(), "signup", device_id="d9")] * 5)
    page.evaluate("window.isHidden = true")
    page.clock.run_for(200_000)
    assert asked == []
    page.evaluate("window.isHidden = false")
    page.clock.run_for(60_000)
    page.wait_for_function(f"id => ({EVENTS_DRAWN})(id) === 25", arg=events)
    expect(page.get_by_role("region", name="The users, Users, table")).to_contain_text("d9")
    expect(page.locator(".figures").first).to_contain_text("25")
    assert page.locator(".chart > details").first.evaluate("details => details.open")
    assert page.get_by_label("New name").input_value() == "Half a na"
    assert page.evaluate("document.activeElement.name") == "name"
    assert page.evaluate("scrollY") == 300


def test_a_card_that_fails_leaves_the_others_as_they_are(page: Page, rows: Partition) -> None:
    dashboard, (overview, users) = keep_board("overview", "users")
    page.clock.install()
    page.goto(f"/dashboards/{dashboard.pk}/")
    page.locator("summary", has_text="as a table").first.click()
    SavedReport.objects.filter(pk=users.pk).update(report="gone")
    rows.commit([make_event(timezone.now())])
    page.clock.run_for(60_500)
    expect(page.locator(".notice")).to_have_text("There is no report “gone” any more.")
    page.wait_for_function(f"id => ({EVENTS_DRAWN})(id) === 21", arg=f"card-{overview.pk}-events")
    assert page.locator(".chart > details").first.evaluate("details => details.open")


def test_a_shared_dashboard_refreshes_until_its_link_is_revoked(page: Page, rows: Partition) -> None:
    dashboard, (overview,) = keep_board("overview")
    token = ShareLink.issue(dashboard, User.objects.get().pk, None)
    page.context.clear_cookies()
    page.clock.install()
    page.goto(f"/share/{token}/")
    rows.commit([make_event(timezone.now())])
    page.clock.run_for(60_500)
    page.wait_for_function(f"id => ({EVENTS_DRAWN})(id) === 21", arg=f"card-{overview.pk}-events")
    ShareLink.objects.update(revoked_on=timezone.now())
    page.clock.run_for(60_500)
    expect(page.get_by_role("heading", name="This link shows nothing")).to_be_visible()
    assert page.locator("canvas").count() == 0


def keep_some() -> dict[str, object]:
    """Something of each kind; what the paths below name of it."""
    boss = User.objects.get()
    saved = SavedReport.objects.create(name="A name of some length " * 3, report="overview", saved_by=boss)
    query = "sql=SELECT+event_type,+count(*)+AS+n+FROM+events+GROUP+BY+ALL&view=bar"
    sql = SavedReport.objects.create(name="Types", report=SQL, query=query, saved_by=boss)
    Annotation.objects.create(at="2026-11-20T12:00Z", text="a long text " * 12, created_by=boss)
    dashboard = Dashboard.objects.create(name="A name of some length " * 3, owner=boss)
    dashboard.cards.create(report=saved)
    return {"dashboard": dashboard.pk, "sql": sql.pk, "token": ShareLink.issue(dashboard, boss.pk, None)}


KEPT = ["/sql/", "/sql/{sql}/", "/saved/", "/annotations/", "/tokens/", "/dashboards/{dashboard}/", "/share/{token}/"]


def test_a_phone_scrolls_down_and_never_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    # Where nothing is kept yet, and then with something of each kind.
    for path in ("/saved/", "/annotations/", "/tokens/"):
        page.goto(path)
        assert scroll_width(page) == 390, path
    kept = keep_some()
    for path in (*KEPT, "/?range=7d"):
        page.goto(path.format(**kept))
        assert scroll_width(page) == 390, path


def test_the_ten_rows_of_a_card_are_seen_at_once(page: Page, rows: Partition) -> None:
    rows.commit([make_event(timezone.now(), "view", device_id=f"d{n}") for n in range(12)])
    saved = SavedReport.objects.create(name="People", report="users", saved_by=User.objects.get())
    dashboard = Dashboard.objects.create(name="Board", owner=User.objects.get())
    dashboard.cards.create(report=saved)
    page.goto(f"/dashboards/{dashboard.pk}/")
    table = page.get_by_role("region", name="People, Users, table")
    expect(table.locator("tbody tr")).to_have_count(10)
    assert table.evaluate("scroller => scroller.scrollHeight - scroller.clientHeight") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, scheme: Literal["light", "dark"]) -> None:
    kept = keep_some()
    page.emulate_media(color_scheme=scheme)
    for path in (*KEPT, "/login/", "/share/none/"):
        page.goto(path.format(**kept))
        assert axe_complaints(page) == "", path
