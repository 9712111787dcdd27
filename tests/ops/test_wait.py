"""Programs that start once the local Kafka has the topic."""

import subprocess
import sys
import time

import pytest

from brokerlytics.local_kafka.wait import wait_for_topic
from brokerlytics.topics import TopicSpec, ensure_topic
from tests.conftest import free_ports
from tests.waiting import PATIENCE


def test_a_topic_that_is_there_is_seen_and_one_that_is_not_is_not(kafka: str, topic: str) -> None:
    assert wait_for_topic(kafka, topic, timeout=PATIENCE)
    assert not wait_for_topic(kafka, f"{topic}-missing", timeout=1)


def test_without_a_broker_the_wait_ends() -> None:
    assert not wait_for_topic(f"127.0.0.1:{free_ports(1)}", "events", timeout=1)


@pytest.mark.parametrize("kafka", ["real"], indirect=True)
def test_the_program_starts_when_the_topic_appears(kafka: str, topic: str) -> None:
    late = f"{topic}-late"
    wait = [sys.executable, "-m", "brokerlytics.local_kafka.wait", kafka, late]
    program = [sys.executable, "-c", "print('started')"]
    with subprocess.Popen([*wait, *program], stdout=subprocess.PIPE, text=True) as waiting:
        time.sleep(1)
        assert waiting.poll() is None
        ensure_topic(TopicSpec(late, 1, 7, 1))
        output, _ = waiting.communicate(timeout=PATIENCE)
    assert output == "started\n"
