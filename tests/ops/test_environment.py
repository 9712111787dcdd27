from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from brokerlytics.environment import Environment, make_data_dir
from brokerlytics.secret_key import load_secret_key


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("PORT", "eighty")
    monkeypatch.setenv("SIMULATE", "ture")
    monkeypatch.setenv("EMPTY", " ")
    monkeypatch.setenv("GOOD", "81")
    return Environment()


def test_a_wrong_type_is_told_with_the_variable(env: Environment) -> None:
    with pytest.raises(ImproperlyConfigured, match="PORT=eighty cannot be used: it has to be of the type int"):
        env.int("PORT", default=8000)
    with pytest.raises(ImproperlyConfigured, match="SIMULATE=ture cannot be used: it has to be of the type bool"):
        env.bool("SIMULATE", default=True)


def test_empty_is_not_set(env: Environment) -> None:
    assert env.int("EMPTY", default=7) == 7
    assert env.int("GOOD", default=7) == 81


def test_a_data_dir_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match=r"DATA_DIR=.*file/var cannot be used: Not a directory"):
        make_data_dir(tmp_path / "file" / "var")
    assert make_data_dir(tmp_path / "a" / "b").is_dir()


def test_a_secret_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = load_secret_key(path)
    assert len(key) > 50
    assert load_secret_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_secret_key_that_another_process_is_about_to_write_is_no_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch()
    key = load_secret_key(path)
    assert len(key) > 50
    assert load_secret_key(path) == key
