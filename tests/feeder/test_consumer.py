"""The settings of a member of the consumer group, and leaving it."""

from collections.abc import Sequence
from threading import Event, Timer
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from pytest_django import Settings

from feeder_app import consumer as module
from feeder_app.consumer import FeederConsumer, make_consumer
from tests.waiting import PATIENCE, wait_until


def member(topic: str, may_leave: Event) -> FeederConsumer:
    """A member of a group that has been given partitions, and gives none back before it may."""
    given = Event()

    def on_assign(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        given.set()

    def on_revoke(consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        may_leave.wait()
        consumer.incremental_unassign(list(partitions))

    consumer = make_consumer(uuid4().hex, uuid4().hex, report_ends=False)
    consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke)

    def is_given() -> bool:
        consumer.take(0.1)
        return given.is_set()

    wait_until(is_given)
    return consumer


@pytest.mark.parametrize(
    ("given", "heartbeat"),
    [
        ({}, 3_000),
        ({"session.timeout.ms": "3000"}, 1_000),
        ({"session.timeout.ms": "45000"}, 3_000),
        ({"session.timeout.ms": "3000", "heartbeat.interval.ms": "500"}, "500"),
        ({"group.protocol": "consumer"}, None),
    ],
)
def test_a_session_has_three_heartbeats_or_more(
    given: dict[str, str], heartbeat: object, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA_CLIENT_CONFIG = given
    monkeypatch.setattr(module, "FeederConsumer", dict)
    found: Any = make_consumer("group", "instance", report_ends=False)
    assert found.get("heartbeat.interval.ms") == heartbeat


def test_a_group_that_cannot_be_left_is_not_waited_for_for_ever(
    topic: str, settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert topic == settings.KAFKA_TOPIC
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.5)
    may_leave = Event()
    consumer = member(topic, may_leave)
    late = Timer(PATIENCE, may_leave.set)
    late.start()
    consumer.close()
    assert "was not left within" in caplog.text
    late.cancel()
    may_leave.set()


def test_a_group_that_can_be_left_is_left_without_a_word(topic: str, caplog: pytest.LogCaptureFixture) -> None:
    may_leave = Event()
    may_leave.set()
    member(topic, may_leave).close()
    assert caplog.text == ""
