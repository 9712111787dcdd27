from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from dashboard_app.models import SQL, SavedReport
from dashboard_app.sql import recent
from tests.dashboard.store_builder import Partition, make_event


@pytest.fixture(autouse=True)
def _no_results_yet() -> None:
    recent.recent_results._kept.clear()


@pytest.fixture
def rows(store: Path) -> Partition:
    """Twenty events of the last hours, and what a formula would be in one of them."""
    now = timezone.now()
    partition = Partition(store)
    partition.commit([make_event(now - timedelta(hours=n % 5), device_id=f"d{n % 3}") for n in range(19)])
    partition.commit([make_event(now, "=1+1", device_id="d1", revenue=0.1, currency="EUR")])
    return partition


@pytest.fixture
def reader_user(db: None) -> User:  # noqa: ARG001
    return User.objects.create_user("reader")


@pytest.fixture
def analyst(db: None) -> User:  # noqa: ARG001
    """Not of the staff, with the permission of its own."""
    user = User.objects.create_user("analyst")
    user.user_permissions.add(Permission.objects.get(codename="run_sql"))
    return user


@pytest.fixture
def boss(db: None) -> User:  # noqa: ARG001
    return User.objects.create_user("boss", is_staff=True)


@pytest.fixture
def report(reader_user: User) -> SavedReport:
    return SavedReport.objects.create(name="Last week", report="overview", query="range=7d", saved_by=reader_user)


@pytest.fixture
def query(analyst: User) -> SavedReport:
    text = "sql=SELECT+event_type,+count(*)+AS+n+FROM+events+GROUP+BY+ALL+ORDER+BY+n+DESC&view=bar"
    return SavedReport.objects.create(name="Types", report=SQL, query=text, saved_by=analyst)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
