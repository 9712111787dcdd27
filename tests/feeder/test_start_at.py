"""Replay: where a partition begins that the store has nothing of, and that a checkpoint always decides otherwise."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer
from pytest_django import Settings

from brokerlytics.checkpoint import Gap, read_checkpoint
from brokerlytics.kafka import client_config
from brokerlytics.store import PartitionPaths
from feeder_app.errors import FeederError
from feeder_app.start_at import StartAt
from tests.feeder.support import stored_offsets
from tests.feeder.test_feeder import QUICK, drain, events, make_topic, produce
from tests.waiting import PATIENCE

MIDNIGHT = datetime(2026, 8, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def topic(real_kafka: str, settings: Settings) -> str:
    """One partition with 60 records, one for each minute after MIDNIGHT."""
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    name = make_topic()
    producer = Producer(client_config(enable_idempotence=True))
    for minute, value in enumerate(events(0, 60)):
        producer.produce(name, value, timestamp=int((MIDNIGHT + minute * MINUTE).timestamp() * 1000))
    assert producer.flush(PATIENCE) == 0
    return name


@pytest.mark.parametrize(
    ("start_at", "first"),
    [
        (StartAt({0: 17}), 17),
        (StartAt({5: 17}), 0),
        (StartAt(time=MIDNIGHT + 20 * MINUTE), 20),
        (StartAt(time=MIDNIGHT + 20.5 * MINUTE), 21),
        (StartAt({0: 3}, MIDNIGHT + 20 * MINUTE), 3),
        (StartAt(time=MIDNIGHT - MINUTE), 0),
        (StartAt(time=MIDNIGHT + 60 * MINUTE), 60),
        (StartAt({0: 60}), 60),
    ],
)
def test_a_new_store_begins_there_and_says_what_it_left_out(
    tmp_path: Path, topic: str, start_at: StartAt, first: int
) -> None:
    assert drain(tmp_path, topic, replace(QUICK, start_at=start_at)) == 60 - first
    assert stored_offsets(tmp_path, topic) == [(0, offset) for offset in range(first, 60)]
    checkpoint = read_checkpoint(PartitionPaths(tmp_path, topic, 0).checkpoint)
    assert checkpoint is not None
    assert checkpoint.gaps == ((Gap(start=0, end=first),) if first else ())


def test_an_offset_that_the_topic_has_not_got_is_told(tmp_path: Path, topic: str) -> None:
    with pytest.raises(FeederError, match=r"has offsets 0 to 59, not 61"):
        drain(tmp_path, topic, replace(QUICK, start_at=StartAt({0: 61})))
    assert stored_offsets(tmp_path, topic) == []


def test_a_checkpoint_decides_whatever_is_asked_for(
    tmp_path: Path, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert drain(tmp_path, topic) == 60
    with caplog.at_level(logging.WARNING):
        assert drain(tmp_path, topic, replace(QUICK, start_at=StartAt({0: 10}))) == 0
    assert "goes on at its checkpoint's offset 60, not at offset 10 of partition 0" in caplog.text
    assert stored_offsets(tmp_path, topic) == [(0, offset) for offset in range(60)]


def test_a_store_that_was_moved_goes_on_at_its_checkpoint(tmp_path: Path, topic: str) -> None:
    old, new = tmp_path / "old", tmp_path / "elsewhere" / "new"
    assert drain(old, topic) == 60
    new.parent.mkdir()
    old.rename(new)
    produce(topic, events(60, 40))
    assert drain(new, topic) == 40
    assert stored_offsets(new, topic) == [(0, offset) for offset in range(100)]
    assert not old.exists()
