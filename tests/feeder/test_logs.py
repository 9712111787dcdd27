"""What the feeder's log says of hand-overs and cuts: with numbers, so that a reader can add them up."""

import logging
from pathlib import Path

import pytest
from pytest_django import Settings

from feeder_app.policies import FeederPolicy
from feeder_app.recovery import open_partition
from tests.feeder.support import START, columns, paths, record
from tests.feeder.test_feeder import drain, events, make_topic, produce


@pytest.fixture
def topic(real_kafka: str, settings: Settings) -> str:
    """One partition on the real broker."""
    settings.KAFKA_BOOTSTRAP_SERVERS = real_kafka
    return make_topic()


def test_a_hand_over_says_where_each_owner_starts_and_ends(
    tmp_path: Path, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for start, count in ((0, 60), (60, 40)):
        produce(topic, events(start, count))
        drain(tmp_path, topic)
    assert f"{topic}[0] starts at offset 0 as owner 1, after 0 rows" in caplog.text
    assert f"{topic}[0] let go at offset 60 after 60 rows of this owner, 0 records not committed" in caplog.text
    assert f"{topic}[0] starts at offset 60 as owner 2, after 60 rows" in caplog.text
    assert f"{topic}[0] let go at offset 100 after 40 rows of this owner, 0 records not committed" in caplog.text
    assert f"is given partitions of {topic}: 0" in caplog.text


def test_a_cut_says_how_many_bytes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = open_partition(paths(tmp_path), FeederPolicy(), START)
    writer.append(columns([record(0)]))
    writer.commit(START)
    writer.release()
    with next(paths(tmp_path).state.glob("*.open")).open("ab") as file:
        file.write(b"half a r")
    open_partition(paths(tmp_path), FeederPolicy(), START).release()
    assert "cut 8 bytes that were never committed" in caplog.text
