"""A consumer that has lost Kafka for good is told from a Kafka that is away."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from feeder_app.connection import CHECK_INTERVAL, LOST_AFTER, ConnectionWatch
from feeder_app.consumer import make_consumer
from feeder_app.errors import ConnectionLostError
from tests.conftest import free_ports

NOW = datetime(2026, 8, 22, tzinfo=UTC)


def watch(servers: str, settings: Settings) -> ConnectionWatch:
    settings.KAFKA_BOOTSTRAP_SERVERS = servers
    return ConnectionWatch(make_consumer(uuid4().hex, uuid4().hex, report_ends=False), settings.KAFKA_TOPIC, NOW)


def check(of: ConnectionWatch, *, after: timedelta, step: timedelta = CHECK_INTERVAL) -> None:
    """Check as time goes by, until `after`."""
    now = NOW
    while now < NOW + after:
        now += step
        of.check_if_due(now)


def test_a_consumer_that_others_outlive_is_lost(kafka: str, topic: str, settings: Settings) -> None:
    assert topic == settings.KAFKA_TOPIC
    alone = watch(f"127.0.0.1:{free_ports(1)}", settings)
    check(alone, after=LOST_AFTER - CHECK_INTERVAL)
    settings.KAFKA_BOOTSTRAP_SERVERS = kafka
    with pytest.raises(ConnectionLostError, match="answers others"):
        alone.check_if_due(NOW + LOST_AFTER)


def test_a_kafka_that_is_away_for_everybody_is_waited_for(settings: Settings) -> None:
    check(watch(f"127.0.0.1:{free_ports(1)}", settings), after=LOST_AFTER + CHECK_INTERVAL, step=LOST_AFTER / 2)


def test_a_consumer_that_is_answered_or_hears_messages_is_not_lost(kafka: str, topic: str, settings: Settings) -> None:
    assert topic
    check(watch(kafka, settings), after=2 * LOST_AFTER)
    hearing = watch(f"127.0.0.1:{free_ports(1)}", settings)
    settings.KAFKA_BOOTSTRAP_SERVERS = kafka
    hearing.heard(NOW + LOST_AFTER - CHECK_INTERVAL)
    hearing.check_if_due(NOW + LOST_AFTER)
