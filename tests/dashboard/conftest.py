from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from dashboard_app.reader import ReportReader
from dashboard_app.scratch import ScratchDirectory
from tests.dashboard.store_builder import TOPIC


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> Path:
    """An empty store that the product's settings name."""
    settings.STORE_DIR = tmp_path / "store"
    settings.DATA_DIR = tmp_path
    settings.KAFKA_TOPIC = TOPIC
    return tmp_path / "store"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[ScratchDirectory]:
    directory = ScratchDirectory(tmp_path / "scratch")
    yield directory
    directory.close()


@pytest.fixture
def reader(store: Path, scratch: ScratchDirectory) -> ReportReader:
    return ReportReader(store, TOPIC, scratch, timeout=60)
