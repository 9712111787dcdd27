from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics_app.models import IntakeCount, RecentEvent, SimulationRun, Source
from tests.analytics.conftest import RecordingProducer
from tests.waiting import wait_until

SOURCES = "/admin/analytics_app/source/"
RUNS = "/admin/analytics_app/simulationrun/"


@pytest.fixture
def run(db: None) -> SimulationRun:  # noqa: ARG001 (the row is in it)
    return SimulationRun.objects.create(rate=1, duration=1, seed=1, heartbeat_on=timezone.now())


@pytest.mark.parametrize("page", ["", "add/", "{pk}/change/", "{pk}/delete/", "{pk}/history/"])
def test_the_pages_of_sources_load(admin_client: Client, source: Source, page: str) -> None:
    assert admin_client.get(SOURCES + page.format(pk=source.pk)).status_code == 200


def test_the_write_key_is_shown_and_cannot_be_edited(admin_client: Client, source: Source) -> None:
    for page in (SOURCES, f"{SOURCES}{source.pk}/change/"):
        html = admin_client.get(page).content.decode()
        assert source.write_key in html
        assert 'name="write_key"' not in html


def test_a_source_is_made_with_a_key_of_its_own(admin_client: Client) -> None:
    admin_client.post(f"{SOURCES}add/", {"name": "web", "enabled": "on", "write_key": "wk_chosen"})
    key = Source.objects.get(name="web").write_key
    assert key.startswith("wk_")
    assert key != "wk_chosen"


def test_actions_on_sources(admin_client: Client, source: Source) -> None:
    key = source.write_key

    def act(action: str) -> None:
        answer = admin_client.post(SOURCES, {"action": action, "_selected_action": [source.pk]})
        assert answer.status_code == 302
        source.refresh_from_db()

    act("disable")
    assert list(Source.objects.enabled()) == []
    act("enable")
    assert list(Source.objects.enabled()) == [source]
    act("rotate")
    assert source.write_key != key
    assert source.rotated_on is not None


def test_runs_are_shown_and_not_edited(admin_client: Client, run: SimulationRun) -> None:
    change = f"{RUNS}{run.pk}/change/"
    assert admin_client.get(RUNS).status_code == admin_client.get(change).status_code == 200
    assert admin_client.post(change, {"rate": 5}).status_code == 403
    assert admin_client.post(f"{RUNS}{run.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_run_is_started_and_watched(
    transactional_db: None,  # noqa: ARG001
    admin_client: Client,
    recorder: RecordingProducer,
) -> None:
    form = {"scenario": "game", "rate": "200", "duration": "3", "seed": ""}
    assert "A game for phones" in admin_client.get(f"{RUNS}add/").content.decode()
    assert "Ensure this value is" in admin_client.post(f"{RUNS}add/", form | {"rate": "9999"}).content.decode()
    assert admin_client.post(f"{RUNS}add/", form).status_code == 302
    run = SimulationRun.objects.get()
    assert (run.scenario, run.rate, run.status) == ("game", 200, "running")
    assert admin_client.get(f"{RUNS}{run.pk}/change/")["Refresh"] == "2"
    assert "A simulation runs already" in admin_client.post(f"{RUNS}add/", form).content.decode()
    wait_until(lambda: SimulationRun.objects.get().status != "running")
    run.refresh_from_db()
    assert (run.status, run.accepted, len(recorder.messages)) == ("finished", 600, 600)
    assert any(b"START_LEVEL" in value for _, value in recorder.messages)
    assert "Refresh" not in admin_client.get(f"{RUNS}{run.pk}/change/")


def test_who_may_only_look_starts_nothing(db: None, client: Client) -> None:  # noqa: ARG001
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_simulationrun"))
    client.force_login(user)
    assert client.post(f"{RUNS}add/", {"scenario": "shop", "rate": "1", "duration": "1"}).status_code == 403
    assert not SimulationRun.objects.exists()


def test_a_run_is_asked_to_stop(admin_client: Client, run: SimulationRun) -> None:
    admin_client.post(RUNS, {"action": "stop", "_selected_action": [run.pk]})
    run.refresh_from_db()
    assert run.stop_requested


def test_who_may_only_look_stops_nothing(run: SimulationRun, client: Client) -> None:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_simulationrun"))
    client.force_login(user)
    client.post(RUNS, {"action": "stop", "_selected_action": [run.pk]})
    run.refresh_from_db()
    assert not run.stop_requested


def test_origins_and_rate_limit_are_set_and_checked(admin_client: Client, source: Source) -> None:
    url = f"{SOURCES}{source.pk}/change/"
    good = {"name": "web", "enabled": "on", "allowed_origins": "https://shop.example.org", "rate_limit": "50"}
    assert admin_client.post(url, good).status_code == 302
    source.refresh_from_db()
    assert (source.allowed_origins, source.rate_limit) == ("https://shop.example.org", 50)
    answer = admin_client.post(url, good | {"allowed_origins": "shop.example.org/path"})
    assert "is not an origin" in answer.content.decode()


def test_the_list_counts_today_in_one_query(
    admin_client: Client, source: Source, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    today = timezone.now().date()
    for n in range(20):
        other = Source.objects.create(name=f"s{n}")
        IntakeCount.objects.create(source=other, day=today, code="accepted", events=1)
    for day, code, events in (
        (today, "accepted", 4321),
        (today, "too_long", 700),
        (today, "not_json", 77),
        (today - timedelta(days=1), "accepted", 1),
    ):
        IntakeCount.objects.create(source=source, day=day, code=code, events=events)
    # The session, the user, two counts of rows, and the rows.
    with django_assert_num_queries(5):
        html = admin_client.get(SOURCES).content.decode()
    assert '<td class="field-accepted_today">4321</td>' in html
    assert '<td class="field-rejected_today">777</td>' in html


def test_the_set_up_leads_to_the_only_source_and_else_to_the_list(admin_client: Client, source: Source) -> None:
    assert admin_client.get(f"{SOURCES}setup/").headers["Location"] == f"{SOURCES}{source.pk}/snippets/"
    Source.objects.create(name="another")
    assert admin_client.get(f"{SOURCES}setup/").headers["Location"] == SOURCES


def test_a_source_leads_to_its_pages(admin_client: Client, source: Source) -> None:
    for page in (SOURCES, f"{SOURCES}{source.pk}/change/"):
        html = admin_client.get(page).content.decode()
        assert f'href="{SOURCES}{source.pk}/debugger/"' in html
        assert f'href="{SOURCES}{source.pk}/snippets/"' in html
    assert f'href="{SOURCES}unknown/debugger/"' in admin_client.get(SOURCES).content.decode()


@pytest.mark.parametrize("model", ["intakecount", "recentevent"])
def test_counts_and_recent_events_are_looked_at_and_nothing_else(
    admin_client: Client, source: Source, model: str
) -> None:
    count = IntakeCount.objects.create(source=source, day=timezone.now().date(), code="too_long", events=1)
    event = RecentEvent.objects.create(source=source, seen_on=timezone.now(), code="too_long", event_type="seen")
    pk = count.pk if model == "intakecount" else event.pk
    base = f"/admin/analytics_app/{model}/"
    assert "too_long" in admin_client.get(base).content.decode()
    assert admin_client.get(f"{base}?code=too_long&source__id__exact={source.pk}").status_code == 200
    assert admin_client.get(f"{base}{pk}/change/").status_code == 200
    assert admin_client.get(f"{base}add/").status_code == 403
    assert admin_client.post(f"{base}{pk}/change/", {"code": "x"}).status_code == 403
    assert admin_client.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_source_with_counts_is_deleted_with_them(admin_client: Client, source: Source) -> None:
    IntakeCount.objects.create(source=source, day=timezone.now().date(), code="accepted", events=1)
    RecentEvent.objects.create(source=source, seen_on=timezone.now(), code="accepted")
    assert admin_client.post(f"{SOURCES}{source.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Source.objects.exists()
    assert not IntakeCount.objects.exists()
    assert not RecentEvent.objects.exists()
