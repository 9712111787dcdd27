"""The running product as the SDK tests see it: sources, topic and CSV."""

import csv
import io
import json
import os
import re
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from tests.conftest import free_ports
from tests.ops.commands import run, running
from tests.waiting import PATIENCE

_MAKE_SOURCES = """
from analytics_app.models import Source
print(*(Source.objects.create(name=name).write_key for name in {names!r}))
"""


@dataclass(frozen=True)
class Product:
    """What `make run` runs, on a Kafka of the tests and without a simulation."""

    url: str
    env: dict[str, str]

    def sources(self, names: Iterable[str]) -> dict[str, str]:
        """New sources: their write keys by name."""
        names = list(names)
        done = run(["shell", "--no-imports", "-v", "0", "-c", _MAKE_SOURCES.format(names=names)], self.env)
        keys = re.findall(r"wk_\S+", done.stdout)
        assert len(keys) == len(names), done.stdout + done.stderr
        return dict(zip(names, keys, strict=True))

    def exported(self) -> list[dict[str, str]]:
        """Every committed row."""
        done = run(["exportcsv", "--raw"], self.env)
        assert done.returncode == 0, done.stderr
        return list(csv.DictReader(io.StringIO(done.stdout), strict=True))

    def records(self) -> Counter[tuple[str, str]]:
        """How often the topic has the event of (source, event_id)."""
        consumer = Consumer({"bootstrap.servers": self.env["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "unused"})
        name = self.env["KAFKA_TOPIC"]
        starts = [TopicPartition(name, number, 0) for number in consumer.list_topics(name).topics[name].partitions]
        missing = sum(consumer.get_watermark_offsets(start)[1] for start in starts)
        consumer.assign(starts)
        found: Counter[tuple[str, str]] = Counter()
        while missing:
            record = consumer.poll(PATIENCE)
            assert record is not None, f"{missing} records of the topic did not come"
            assert record.error() is None
            event = json.loads(record.value() or b"{}")
            found[event["source"], event["event_id"]] += 1
            missing -= 1
        consumer.close()
        return found


@contextmanager
def running_product(directory: Path, bootstrap_servers: str, settings: Mapping[str, str] = {}) -> Iterator[Product]:
    """The whole product on this Kafka, with a topic of its own; nothing of a developer's environment is in it."""
    port = free_ports(1)
    env = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(directory),
        "PYTHONUNBUFFERED": "1",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(directory / "var"),
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "KAFKA_TOPIC": f"events-{uuid.uuid4().hex[:12]}",
        "KAFKA_REPLICATION_FACTOR": "1",
        "PORT": str(port),
        "SIMULATE": "0",
        **settings,
    }
    with running(["runall"], env) as everything:
        everything.wait_for("Brokerlytics is ready")
        yield Product(f"http://127.0.0.1:{port}", env)
        assert everything.stop() == 0, everything.output
