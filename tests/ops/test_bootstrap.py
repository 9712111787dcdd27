import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django import Settings

from brokerlytics.bootstrap import bootstrap, collect_static_files
from brokerlytics.web import base_url

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def static_root(settings: Settings, tmp_path: Path) -> Path:
    path = tmp_path / "static"
    path.mkdir()
    settings.STATIC_ROOT = path
    return path


def test_the_first_time_makes_everything_and_the_second_changes_nothing() -> None:
    said: list[str] = []
    first = bootstrap(said.append)
    assert len(said) == 1
    found = re.fullmatch(r"Admin user admin made, password (\S{16}) \(it is shown this once\)\.", said[0])
    assert found
    user = User.objects.get(username="admin")
    assert user.is_superuser
    assert user.check_password(found[1])
    assert first.write_key

    said.clear()
    second = bootstrap(said.append)
    assert said == []
    assert second.write_key == first.write_key
    assert second.sign_in_link is None
    assert User.objects.get().password == user.password


def test_an_admin_under_another_name_is_enough() -> None:
    User.objects.create_superuser("ada", password="p")
    assert bootstrap(lambda _: None).sign_in_link is None
    assert not User.objects.filter(username="admin").exists()


def test_the_sign_in_link_works_once(client: Client) -> None:
    link = bootstrap(lambda _: None).sign_in_link
    assert link is not None
    assert link.startswith(f"{base_url()}/sign-in/?")
    parts = urlsplit(link)
    response = client.get(f"{parts.path}?{parts.query}")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/admin/").status_code == 200

    again = Client().get(f"{parts.path}?{parts.query}")
    assert again.status_code == 403
    assert b"used already" in again.content


def test_signinlink_gives_a_user_a_link(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    User.objects.create_user("ada")
    call_command("signinlink", "ada")
    parts = urlsplit(capsys.readouterr().out.strip())
    assert client.get(f"{parts.path}?{parts.query}").status_code == 302
    assert client.session["_auth_user_id"] == str(User.objects.get().pk)
    with pytest.raises(CommandError, match="There is no active user bob"):
        call_command("signinlink", "bob")


def test_static_files_are_collected_again_only_when_one_changed(static_root: Path, settings: Settings) -> None:
    source = static_root.parent / "source"
    source.mkdir()
    settings.STATICFILES_DIRS = [source]
    (source / "page.css").write_text("one")
    collect_static_files()
    assert (static_root / "page.css").read_text() == "one"

    (static_root / "page.css").write_text("left alone")
    collect_static_files()
    assert (static_root / "page.css").read_text() == "left alone"

    (source / "page.css").write_text("another")
    collect_static_files()
    assert (static_root / "page.css").read_text() == "another"


def test_on_a_cluster_of_others_the_topic_is_made(
    kafka: str, settings: Settings, request: pytest.FixtureRequest
) -> None:
    assert kafka == settings.KAFKA_BOOTSTRAP_SERVERS
    settings.KAFKA_EXTERNAL = True
    settings.KAFKA_TOPIC = f"bootstrap-{request.node.callspec.id}"
    said: list[str] = []
    bootstrap(said.append)
    assert f"Topic {settings.KAFKA_TOPIC} created with" in said[1]


def test_admin_without_its_slash_leads_there(client: Client) -> None:
    response = client.get("/admin")
    assert (response.status_code, response["Location"]) == (302, "/admin/")
