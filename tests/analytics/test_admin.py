import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from analytics_app.models import SimulationRun, Source

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
    assert admin_client.get(f"{RUNS}add/").status_code == 403
    assert admin_client.post(change, {"rate": 5}).status_code == 403
    assert admin_client.post(f"{RUNS}{run.pk}/delete/", {"post": "yes"}).status_code == 403


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
