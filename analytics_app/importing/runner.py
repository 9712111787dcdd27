"""The loop of an import: while one batch waits for the broker, the next one is made."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

from analytics_app.deliveries import Delivery
from analytics_app.importing.batches import BadLine, Batch
from analytics_app.importing.errors import Fault
from analytics_app.importing.sending import Sender

_LOOK_SECONDS: Final = 0.2


@dataclass(slots=True)
class Tally:
    """What is settled: `rows` of the file are acknowledged or bad. Of the bad ones the first `keep` are kept."""

    keep: int
    rows: int = 0
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first_bad: list[BadLine] = field(default_factory=list)

    @property
    def bad(self) -> int:
        return self.reasons.total()

    def add(self, batch: Batch, deliveries: Sequence[Delivery]) -> list[BadLine]:
        """Count a batch of which every message is acknowledged or refused; returns its bad lines in order."""
        bad = sorted(batch.bad + refused(batch, deliveries), key=lambda line: line.line)
        self.rows += batch.rows
        self.accepted += batch.rows - len(bad)
        self.add_bad(bad)
        return bad

    def add_bad(self, bad: Sequence[BadLine]) -> None:
        self.reasons.update(line.code for line in bad)
        self.first_bad += bad[: max(0, self.keep - len(self.first_bad))]


def refused(batch: Batch, deliveries: Sequence[Delivery]) -> list[BadLine]:
    """The rows of a batch that the broker will never take."""
    message = "The broker does not take this event, however often it is sent."
    return [
        BadLine(record.line, Fault.REFUSED_BY_BROKER, "", message, record.raw)
        for record, delivery in zip(batch.records, deliveries, strict=True)
        if delivery is Delivery.REFUSED
    ]


def send_all(
    batches: Iterator[Batch],
    sender: Sender,
    stop: threading.Event,
    *,
    settled: Callable[[Batch, Sequence[Delivery]], None],
    waiting: Callable[[], None],
) -> bool:
    """Send the batches in order, one at a time; False when `stop` was set before the end.

    Args:
        settled: called for each batch of which every message was acknowledged or refused, in order.
            A batch for which it is not called may be on the topic or not.
        waiting: called several times a second while the broker is waited for.
    """
    under_way: tuple[Batch, Future[list[Delivery]]] | None = None

    def settle() -> bool:
        if under_way is None:
            return True
        batch, future = under_way
        while not wait([future], _LOOK_SECONDS).done:
            waiting()
        deliveries = future.result()
        if Delivery.NOT_ACKNOWLEDGED in deliveries:
            return False
        settled(batch, deliveries)
        return True

    with ThreadPoolExecutor(1, "import-sender") as pool:
        try:
            for batch in batches:
                if not settle() or stop.is_set():
                    return False
                under_way = (batch, pool.submit(sender.send, batch.messages, stop))
            return settle() and not stop.is_set()
        except BaseException:
            # Else the pool would wait for the broker.
            stop.set()
            raise
