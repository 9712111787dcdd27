from pathlib import Path

import pytest
from django.core.checks import run_checks
from pytest_django import Settings


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
