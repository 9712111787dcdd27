from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from dashboard_app.reader import ReportReader
from dashboard_app.reading.scratch import ScratchDirectory
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


@pytest.fixture
def page(chromium: Browser, store: Path, live_server: LiveServer) -> Iterator[Page]:  # noqa: ARG001
    """A signed-in page, and the check that its console stayed empty."""
    client = Client()
    client.force_login(User.objects.create_user("reader"))
    context = chromium.new_context(base_url=live_server.url, timezone_id="UTC", color_scheme="light")
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    tab = context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A wrong query is answered with 400, which Chromium itself writes down.
        if "responded with a status of 400" not in message.text:
            complaints.append(f"{message.type}: {message.text}")

    tab.on("console", note)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    context.close()
    assert complaints == []
