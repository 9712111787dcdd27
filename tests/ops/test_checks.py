import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib import admin
from django.core.checks import Tags, run_checks
from pytest_django import Settings

from analytics_app.models import Source
from tests.ops.commands import MANAGE


def found() -> set[str | None]:
    return {message.id for message in run_checks() if (message.id or "").startswith("brokerlytics.")}


def test_nothing_is_wrong_by_default() -> None:
    assert found() == set()


@pytest.mark.parametrize(
    "config", [{"no.such.setting": "1"}, {"security.protocol": "bogus"}, {"ssl.truststore.location": "trust.jks"}]
)
def test_settings_that_librdkafka_refuses(config: dict[str, str], settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = config
    messages = run_checks()
    assert [message.id for message in messages] == ["brokerlytics.E001"]
    assert ".env.example" in (messages[0].hint or "")


def test_a_store_that_is_a_file(settings: Settings, tmp_path: Path) -> None:
    settings.STORE_DIR = tmp_path / "taken" / "store"
    (tmp_path / "taken").write_text("")
    assert found() == {"brokerlytics.E002"}


def test_a_store_below_a_directory_that_cannot_be_written(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STORE_DIR = tmp_path / "store"
    # Root may write anywhere, so the answer of the operating system is set here.
    monkeypatch.setattr("os.access", lambda path, _: path != tmp_path)
    assert found() == {"brokerlytics.E002"}


def test_debug_on_a_public_name(settings: Settings) -> None:
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["localhost", "[::1]"]
    assert found() == set()
    settings.ALLOWED_HOSTS = ["localhost", "stats.example.org"]
    assert found() == {"brokerlytics.W001"}


@pytest.mark.parametrize("name", ["SQL_TIME_LIMIT", "SQL_MEMORY_LIMIT", "SQL_ROW_LIMIT"])
def test_a_limit_that_no_query_keeps(settings: Settings, name: str) -> None:
    setattr(settings, name, 0)
    assert found() == {"brokerlytics.E005"}


def test_the_admin_is_sound() -> None:
    # Its pages are loaded with the paths.
    admin.autodiscover()
    assert admin.site.is_registered(Source)
    assert run_checks(tags=[Tags.admin]) == []


def command(data: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`exportcsv`, which has nothing to do with pages; it names the modules that it loads."""
    surroundings = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(data), **env}
    start = [sys.executable, "-X", "importtime", MANAGE[1], "exportcsv"]
    return subprocess.run(start, env=surroundings, capture_output=True, text=True, check=False)


def test_a_command_without_pages_loads_none(tmp_path: Path) -> None:
    done = command(tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "feeder_app.export" in loaded
    assert not loaded & {"brokerlytics.urls", "dashboard_app.views", "duckdb", "numpy"}


@pytest.mark.parametrize(
    ("variable", "wrong", "told"),
    [
        ("KAFKA_SECURITY_PROTOCOL", "bogus", "brokerlytics.E001"),
        ("STORE_KEEP_DAYS", "0", "brokerlytics.E004"),
        ("CSRF_TRUSTED_ORIGINS", "stats.example.org", "4_0.E001"),
    ],
)
def test_a_wrong_setting_is_told_before_a_command_without_pages(
    tmp_path: Path, variable: str, wrong: str, told: str
) -> None:
    done = command(tmp_path, **{variable: wrong})
    assert done.returncode == 1
    assert told in done.stderr
