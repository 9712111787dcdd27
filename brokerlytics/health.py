"""Health: /livez says that the process answers, /readyz whether an event would get from HTTP to the CSV."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from brokerlytics.heartbeat import Heartbeat, PartitionStatus, State, live_heartbeats
from brokerlytics.kafka import client_config

OK: Final = "ok"
# Seconds: an orchestrator's own limit is often little more.
_BROKER_TIMEOUT: Final = 2.0
# A hand-over takes up to ten seconds.
STUCK_AFTER: Final = timedelta(seconds=30)


@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 (Django calls it so)
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 (Django calls it so)
    """200 when all is there, 503 when not; either way a JSON object with `ok` or the reason for each part."""
    found = {name: check() for name, check in CHECKS.items()}
    ready = all(state == OK for state in found.values())
    return JsonResponse(found, status=200 if ready else 503)


def check_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations")
    except DatabaseError:
        return "The database does not answer, or `python manage.py migrate` was not run."
    return OK


def check_broker() -> str:
    servers = settings.KAFKA_BOOTSTRAP_SERVERS
    try:
        cluster = _admin_client(servers).list_topics(settings.KAFKA_TOPIC, timeout=_BROKER_TIMEOUT)
    except KafkaException as error:
        return f"No Kafka broker answers at {servers}: {error.args[0].str()}."
    if cluster.topics[settings.KAFKA_TOPIC].error is not None:
        return f"The topic {settings.KAFKA_TOPIC} does not exist: run `python manage.py createtopics`."
    return OK


def check_store() -> str:
    try:
        settings.STORE_DIR.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.STORE_DIR) as file:
            file.write(b".")
    except OSError as error:
        return f"The store cannot be written: {error.strerror}."
    return OK


def check_feeder() -> str:
    now = datetime.now(UTC)
    feeders = live_heartbeats(settings.STORE_DIR, settings.KAFKA_TOPIC, now)
    if not feeders:
        return "No feeder runs: start `python manage.py runfeeder`."
    if not any(feeder.partitions for feeder in feeders):
        return "No feeder has been given a partition of the topic yet."
    return _why_stuck(feeders, now) or OK


def _why_stuck(feeders: list[Heartbeat], now: datetime) -> str:
    """What stands still although its feeder lives; empty when nothing does."""
    partitions = [partition for feeder in feeders for partition in feeder.partitions]
    if stalled := [partition for partition in partitions if partition.state is State.STALLED]:
        return f"The disk of the store is full: {_numbers(stalled)} not stored until there is room."
    if stuck := [partition for partition in partitions if now - partition.moved_at >= STUCK_AFTER]:
        return f"The feeder stands still: {_numbers(stuck)} not stored; its log says why."
    return ""


def _numbers(partitions: list[PartitionStatus]) -> str:
    numbers = ", ".join(str(partition.partition) for partition in partitions)
    return f"partition {numbers} is" if len(partitions) == 1 else f"partitions {numbers} are"


CHECKS: Final[dict[str, Callable[[], str]]] = {
    "database": check_database,
    "broker": check_broker,
    "store": check_store,
    "feeder": check_feeder,
}


@lru_cache(maxsize=1)
def _admin_client(servers: str) -> AdminClient:  # noqa: ARG001 (it is the cache's key)
    """One client a process: its connections outlive the request."""
    return AdminClient({**client_config(), "log_level": 0})
