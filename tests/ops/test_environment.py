from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from brokerlytics.environment import Environment, make_data_dir


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
