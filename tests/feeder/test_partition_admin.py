"""The admin's page of partitions, of stores that the feeder's own writer has written."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from brokerlytics.heartbeat import HEARTBEAT_STALE, Heartbeat, PartitionStatus, State, write_heartbeat
from brokerlytics.partition_overview import PartitionRow, feeders_of, partition_rows
from feeder_app.partition_writer import PartitionWriter
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.support import TOPIC, columns, paths, record

PAGE = "/admin/feeder_app/partition/"
NOW = datetime.now(UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> Path:
    settings.STORE_DIR, settings.KAFKA_TOPIC = tmp_path, TOPIC
    return tmp_path


@pytest.fixture
def writer(store: Path) -> Iterator[PartitionWriter]:
    """Partition 0 with 1,500 rows in an active segment, one dead letter, one repeated event."""
    opened = open_partition(paths(store), FeederPolicy(), NOW)
    again = b'{"event_id": "once", "event_type": "VIEW", "device_id": "d"}'
    opened.append(columns([record(n, at=NOW) for n in range(1499)]))
    opened.append(columns([record(1499 + n, value=value, at=NOW) for n, value in enumerate([again, b"junk", again])]))
    opened.commit(NOW)
    yield opened
    opened.release()


def beat(store: Path, *partitions: PartitionStatus, age: timedelta = timedelta(0)) -> None:
    """The page asks the clock: a heartbeat counts from now, not from when these tests were loaded."""
    at = datetime.now(UTC) - age
    heartbeat = Heartbeat(
        feeder="feeder-0",
        host="host-1",
        pid=4711,
        topic=TOPIC,
        beat_at=at,
        started_at=at,
        rows=1500,
        partitions=partitions,
    )
    write_heartbeat(store, heartbeat)


def status(partition: int, state: State = State.RUNNING, lag: int | None = 12_345) -> PartitionStatus:
    return PartitionStatus(
        partition=partition, next_offset=1502, lag=lag, state=state, moved_at=datetime.now(UTC), last_event_at=None
    )


def rows_of(store: Path) -> list[PartitionRow]:
    return partition_rows(store, TOPIC, feeders_of(store, TOPIC, datetime.now(UTC)))


def text_of(client: Client) -> str:
    response = client.get(PAGE)
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_a_partition_that_is_written_is_told_whole(store: Path, writer: PartitionWriter, admin_client: Client) -> None:
    beat(store, status(0))
    text = text_of(admin_client)
    active = writer.checkpoint.active
    assert active is not None
    assert f"0 running 12,345 1,502 1,500 1 1 {NOW:%Y-%m-%d %H:%M:%S} feeder-0 pid 4711 on host-1 {active.name}" in text
    assert "stands still" not in text


def test_without_a_live_feeder_the_lag_is_unknown_and_the_lock_says_who_was_last(
    store: Path,
    writer: PartitionWriter,  # noqa: ARG001 (its partition)
    admin_client: Client,
) -> None:
    beat(store, status(0), age=HEARTBEAT_STALE)
    text = text_of(admin_client)
    assert "0 no feeder unknown 1,502 1,500" in text
    assert re.search(r"last lock: pid \d+ since 20", text)
    assert "No feeder runs" in text


def test_a_stalled_partition_and_one_that_waits_are_seen(store: Path, admin_client: Client) -> None:
    beat(store, status(0, State.STALLED), status(3, State.WAITING, lag=None))
    assert [(row.partition, row.state, row.is_good) for row in rows_of(store)] == [
        (0, "stalled", False),
        (3, "waiting", False),
    ]
    assert "The disk of the store is full: partition 0 is not stored until there is room." in text_of(admin_client)


def test_a_damaged_checkpoint_spoils_no_other_row(store: Path, admin_client: Client) -> None:
    for partition in (0, 1):
        open_partition(paths(store, partition), FeederPolicy(), NOW).release()
    paths(store, 1).checkpoint.write_bytes(b"x" * 16_384)
    assert [row.state for row in rows_of(store)] == ["no feeder", "damaged"]
    assert "neither slot of the checkpoint is valid" in text_of(admin_client)


def test_an_empty_store_is_told(store: Path, admin_client: Client) -> None:
    assert "Nothing is stored of this topic yet." in text_of(admin_client)
    assert not list(store.iterdir())


def test_only_who_may_see_it_does(store: Path, client: Client) -> None:  # noqa: ARG001 (settings)
    user = User.objects.create_user("helper", is_staff=True)
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_partition"))
    assert client.get(PAGE).status_code == 200
    assert client.post(PAGE).status_code in (200, 403, 405)


def test_it_is_in_the_admins_index(store: Path, admin_client: Client) -> None:  # noqa: ARG001 (settings)
    assert f'href="{PAGE}"' in admin_client.get("/admin/").content.decode()
    assert admin_client.get(f"{PAGE}1/change/").status_code == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_has_nothing_to_complain_about(
    chromium: Browser, live_server: LiveServer, store: Path, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    for partition in range(3):
        opened = open_partition(paths(store, partition), FeederPolicy(), NOW)
        opened.append(
            columns([record(n, at=NOW, partition=partition) for n in range(50_000 * partition, 50_002 * partition)])
        )
        opened.commit(NOW)
        opened.release()
    beat(store, status(0), status(1, State.STALLED))
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    context = chromium.new_context(
        base_url=live_server.url, color_scheme=scheme, viewport={"width": 1440, "height": 800}
    )
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(PAGE)
    expect(page.locator(".partitions tbody tr")).to_have_count(4)
    expect(page.get_by_role("cell", name="stalled")).to_be_visible()
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    context.close()
    assert complaints == []
