"""Starts a program once the local Kafka has the topic, or after a minute all the same.

    python -m brokerlytics.local_kafka.wait SERVERS TOPIC PROGRAM [ARGUMENT ...]

Supervisor starts everything at once: without this, the first lines that a new user reads are the errors of
clients that came too early.
"""

import os
import sys
import time
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

_TIMEOUT: Final = 60.0
_POLL_INTERVAL: Final = 0.2


def wait_for_topic(servers: str, topic: str, timeout: float = _TIMEOUT) -> bool:
    """Return True as soon as a broker of `servers` knows `topic`; False after `timeout` seconds."""
    client = AdminClient({"bootstrap.servers": servers, "reconnect.backoff.max.ms": 500, "log_level": 0})
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            if topic in client.list_topics(timeout=1).topics:
                return True
        except KafkaException:
            # Not there yet.
            pass
        time.sleep(_POLL_INTERVAL)
    return False


def main() -> None:
    servers, topic, *command = sys.argv[1:]
    wait_for_topic(servers, topic)
    os.execv(command[0], command)  # noqa: S606 (it becomes the program that it was given)


if __name__ == "__main__":
    main()
