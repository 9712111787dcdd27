"""The admin's page of dead letters: who sees what, and who may do something about it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from brokerlytics.kafka import client_config
from brokerlytics.store import PartitionPaths
from feeder_app.dead_letters.inbox import read_inbox
from feeder_app.dead_letters.journal import journal_path
from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from feeder_app.topic_reader import make_reader, messages_of
from tests.feeder.support import TOPIC, columns, paths, record
from tests.feeder.test_feeder import drain, make_topic

PAGE = "/admin/feeder_app/deadletter/"
NOW = datetime.now(UTC)
PERSON = b'{"device_id":"device-of-jane-4711","user_id":"jane@example.com","properties":{"email":"jane@example.com"}}'

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> Path:
    """Partition 0 with three letters: no name, junk, no name."""
    settings.STORE_DIR, settings.KAFKA_TOPIC = tmp_path, TOPIC
    writer = open_partition(paths(tmp_path), FeederPolicy(), NOW)
    writer.append(
        columns([record(0), *(record(n, value=value) for n, value in enumerate([PERSON, b"junk", PERSON], start=1))])
    )
    writer.commit(NOW)
    writer.release()
    return tmp_path


def client_with(*permissions: str) -> Client:
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def states(root: Path, topic: str = TOPIC) -> list[str]:
    return [item.state for item in read_inbox(root, topic)]


def shown(client: Client, query: str = "") -> str:
    answer = client.get(PAGE + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_counts_by_reason_and_is_filtered(store: Path, admin_client: Client) -> None:  # noqa: ARG001
    html = " ".join(shown(admin_client).split())
    assert '<a href="?reason=missing_field">missing_field</a> </th> <td class="num">2</td>' in html
    assert html.count('name="place"') == 3
    assert 'value="0:2"' in shown(admin_client, "?reason=not_json")
    assert shown(admin_client, "?reason=not_json").count('name="place"') == 1
    assert "No dead letter is like that." in shown(admin_client, "?partition=7")
    assert shown(admin_client, "?state=waiting&partition=0").count('name="place"') == 3
    assert shown(admin_client, "?state=nonsense&partition=-1&reason=x").count('name="place"') == 3


def test_one_letter_is_shown_with_ids_masked(store: Path, admin_client: Client) -> None:  # noqa: ARG001
    answer = admin_client.get(f"{PAGE}0/1/")
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "de…11" in html
    assert "event_type is required" in html
    assert "jane" not in html
    assert f"{len(PERSON)} bytes" in html
    assert "junk" in admin_client.get(f"{PAGE}0/2/").content.decode()
    assert admin_client.get(f"{PAGE}0/99/").status_code == 404


def test_letters_are_dropped(store: Path, admin_client: Client) -> None:
    answer = admin_client.post(f"{PAGE}?state=waiting", {"action": "drop", "place": ["0:1", "0:3"]}, follow=True)
    assert "2 letters are marked as dropped." in answer.content.decode()
    assert answer.content.decode().count('name="place"') == 1
    assert states(store) == ["dropped", "waiting", "dropped"]
    admin_client.post(PAGE, {"action": "drop", "all": "1", "shown": ["0:1", "0:2", "0:3"]})
    assert states(store) == ["dropped"] * 3


def test_who_may_only_look_changes_nothing(store: Path) -> None:
    client = client_with("view_deadletter")
    html = shown(client)
    assert "Send again" not in html
    assert "Mark as dealt with" not in html
    for action in ("drop", "requeue", "other", ""):
        assert client.post(PAGE, {"action": action, "place": "0:1"}).status_code == 403
    assert states(store) == ["waiting"] * 3


def test_who_may_drop_may_not_send(store: Path) -> None:
    client = client_with("view_deadletter", "drop_deadletter")
    assert client.post(PAGE, {"action": "requeue", "place": "0:1"}).status_code == 403
    assert client.post(PAGE, {"action": "drop", "place": "0:1"}).status_code == 302
    assert states(store) == ["dropped", "waiting", "waiting"]


@pytest.mark.parametrize("page", [PAGE, f"{PAGE}0/1/"])
def test_the_pages_are_for_those_who_may_look(store: Path, page: str) -> None:  # noqa: ARG001
    assert Client().get(page).status_code == 302
    assert client_with("view_partition").get(page).status_code == 403


def test_an_action_needs_a_token_and_a_post(store: Path, admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(PAGE, {"action": "drop", "place": "0:1"}).status_code == 403
    client.get(f"{PAGE}?action=drop&place=0:1")
    assert states(store) == ["waiting"] * 3


def test_what_cannot_be_done_is_told(store: Path, admin_client: Client) -> None:
    def said(**data: str) -> str:
        return admin_client.post(PAGE, data, follow=True).content.decode()

    assert "Nothing was chosen." in said(action="drop")
    assert "has no dead letter at 7:7" in said(action="drop", place="7:7")
    path = PartitionPaths(store, TOPIC, 0).dead_letters
    path.write_bytes(path.read_bytes().replace(b'"topic"', b'"tropic"', 1))
    assert "Run `manage.py verifystore`" in shown(admin_client)


def test_an_empty_store_says_so(tmp_path: Path, settings: Settings, admin_client: Client) -> None:
    settings.STORE_DIR = tmp_path
    assert "Every record of this topic was an event." in shown(admin_client)


@pytest.mark.parametrize("kafka", ["real"], indirect=True)
def test_letters_are_sent_again(kafka: str, tmp_path: Path, settings: Settings) -> None:  # noqa: ARG001
    settings.STORE_DIR, settings.KAFKA_TOPIC = tmp_path, make_topic()
    producer = Producer(client_config())
    producer.produce(settings.KAFKA_TOPIC, PERSON, key=b"k")
    assert producer.flush(30) == 0
    drain(tmp_path, settings.KAFKA_TOPIC)
    client = client_with("view_deadletter", "requeue_deadletter")
    assert (
        "1 letters were sent again."
        in client.post(PAGE, {"action": "requeue", "place": "0:0"}, follow=True).content.decode()
    )
    assert states(tmp_path, settings.KAFKA_TOPIC) == ["requeued"]
    assert journal_path(PartitionPaths(tmp_path, settings.KAFKA_TOPIC, 0)).exists()
    reader = make_reader(client_config())
    (again,) = messages_of(reader, TopicPartition(settings.KAFKA_TOPIC, 0), 1, 2)
    reader.close()
    assert (again.key(), again.value()) == (b"k", PERSON)
