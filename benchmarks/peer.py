"""The peer: a mq-bridge route from HTTP to Kafka, which answers when the broker has acknowledged.

`python -m benchmarks.peer ROUTE` runs it; ROUTE is its configuration as JSON.
"""

import json
import logging
import sys
from typing import Any, Final

import mq_bridge

# Its default, one after the other, leaves most of what it can do unused: the best of 1, 4, 16 and 64, and of a
# linger of 0, 1 and 5 ms.
_CONCURRENCY: Final = 64
_LINGER: Final = {"linger.ms": 0}
_HTTP_THREADS: Final = 2


def route(port: int, brokers: str, topic: str, producer: dict[str, object], *, tuned: bool) -> dict[str, Any]:
    """The peer's configuration; `producer`: librdkafka's settings that all candidates share."""
    options = [[name, _text(value)] for name, value in (producer | (_LINGER if tuned else {})).items()]
    source = {"url": f"127.0.0.1:{port}", "workers": _HTTP_THREADS, "concurrency_limit": 1000}
    sink = {"url": brokers, "topic": topic, "create_topic": False, "delayed_ack": False, "producer_options": options}
    return {"input": {"http": source}, "output": {"kafka": sink}, "concurrency": _CONCURRENCY if tuned else 1}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    mq_bridge.init_logging("warn")
    mq_bridge.Route.from_config(json.loads(sys.argv[1])).run()
