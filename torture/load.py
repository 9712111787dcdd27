"""A load on a topic that remembers what the broker acknowledged."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message, Producer

# As many of the newest are sent again; the feeder remembers more than that of every partition.
_REACH = 50_000
_HOUR = 3600 * 1000
_TIME = "2026-08-22T09:30:12.345Z"
_COMPLETE = {
    "v": 1,
    "kind": "track",
    "created_on": _TIME,
    "original_created_on": _TIME,
    "received_on": _TIME,
    "properties": {"text": 'a\r\n",'},
}
# Numbers of the events of one load.
_SHARE = 1_000_000_000


@dataclass
class Acknowledged:
    """What the broker has: every place (partition, offset) with the event's id, "" for what is no event.

    `repeated` counts what was sent again on purpose. With an idempotent producer that is all there are.
    """

    places: dict[tuple[int, int], str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    repeated: int = 0
    failed: int = 0

    def add(self, other: "Acknowledged") -> None:
        """What another load produced besides."""
        self.places |= other.places
        self.names += other.names
        self.repeated += other.repeated
        self.failed += other.failed


class Load:
    """Produces events and remembers which of them the broker acknowledged.

    As a client does that had no answer, it sends some of them again, a moment or a long time later, always to
    their own partition. One of a hundred is no event. The producers' clocks are off by hours: up to five behind, and
    not quite one ahead, for more than that the broker refuses.
    """

    def __init__(self, servers: str, topic: str, seed: int, *, rate: int = 1000, acks: str = "all") -> None:
        """`acks`: anything but "all" is for the control that has to lose events."""
        self.servers = servers
        self.acknowledged = Acknowledged()
        self.partitions = 6
        self._rate = rate
        self._chance = random.Random(seed)
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "acks": acks,
                "enable.idempotence": acks == "all",
                # Brokers that run beside everything else are spared half of the requests.
                "linger.ms": 25,
                "reconnect.backoff.max.ms": 500,
                "delivery.timeout.ms": 120_000,
                "log_level": 0,
            }
        )
        self.topic = topic
        self._share = seed % 1000 * _SHARE
        self._home: list[int] = []
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the load goes on, not only once; afterwards everything is acknowledged, or has failed for good."""
        self._stop.clear()
        thread = threading.Thread(target=self._run, name="load")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def send(self, count: int) -> None:
        """Send so many new events, and some again, now."""
        for _ in range(count):
            self._home.append(self._chance.randrange(self.partitions))
            self._produce(len(self._home) - 1)
            if self._chance.random() < 0.1 and (names := self.acknowledged.names):
                reach = 200 if self._chance.random() < 0.5 else _REACH
                self._produce(int(self._chance.choice(names[-reach:])[1:]) % _SHARE)
                self.acknowledged.repeated += 1
            if self._chance.random() < 0.01:
                self._send(f"junk {self._chance.random()}".encode(), "", self._chance.randrange(self.partitions))

    def finish(self, timeout: float = 180.0) -> None:
        """Returns when the broker has answered for everything."""
        assert self._producer.flush(timeout) == 0, "the broker has not answered"

    def _run(self) -> None:
        tick = 0.02
        while not self._stop.is_set():
            started = time.monotonic()
            self.send(int(self._rate * tick))
            self._producer.poll(max(0, tick - (time.monotonic() - started)))
            self._stop.wait(max(0, tick - (time.monotonic() - started)))
        self.finish()

    def _produce(self, number: int) -> None:
        # Loads with different seeds have events of their own.
        name = f"e{self._share + number}"
        fields: dict[str, object] = {"event_id": name, "event_type": "VIEW", "device_id": f"d{number % 40}"}
        # Half of them need the rules, half are as our producer writes them: the feeder has a way of its own for those.
        fields |= {"n": 'a\r\n",'} if number % 2 else _COMPLETE
        self._send(json.dumps(fields, separators=(",", ":")).encode(), name, self._home[number])

    def _send(self, value: bytes, name: str, partition: int) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error:
                self.acknowledged.failed += 1
                return
            self.acknowledged.places[partition, message.offset() or 0] = name
            if name:
                self.acknowledged.names.append(name)

        stamp = int(time.time() * 1000) + self._chance.randrange(-5 * _HOUR, _HOUR * 9 // 10)
        while True:
            try:
                self._producer.produce(self.topic, value, partition=partition, timestamp=stamp, on_delivery=delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return
