"""What becomes of the messages that a producer sends, from librdkafka's reports."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from confluent_kafka import KafkaError, Message

Messages = Sequence[tuple[bytes, bytes]]

# Failures are rare: one lock for all batches.
_failing: Final = threading.Lock()
_REFUSALS: Final = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.POLICY_VIOLATION}


class Delivery(Enum):
    """What became of one message."""

    ACKNOWLEDGED = "the broker has it, with acks=all"
    REFUSED = "the broker will never take it"
    NOT_ACKNOWLEDGED = "no answer in time: it may be on the topic or not"


class Batch:
    """Collects the delivery reports of one call and says when they are complete."""

    __slots__ = (
        "_complete",
        "_count",
        "_done",
        "_failures",
        "_messages",
        "_total",
        "deadline",
        "reason",
        "started",
        "waiting",
    )

    def __init__(self, messages: Messages, timeout: float, done: Callable[[], None]) -> None:
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.reason = "no answer within the timeout"
        report = self.report
        # As produce_batch() takes them.
        self.waiting: list[dict[str, Any]] = [
            {"key": key, "value": value, "callback": report} for key, value in messages
        ]
        self._messages = messages
        self._total = len(messages)
        self._failures: dict[tuple[bytes, bytes], list[Delivery]] = {}
        self._complete = False
        # Reports may come in one thread and failures in another: this counts in one step, and needs no lock.
        self._count = itertools.count(1).__next__
        self._done = done

    def report(self, error: KafkaError | None, message: Message) -> None:
        """librdkafka's delivery report, of each message."""
        if error is not None:
            self.fail(error, message.key() or b"", message.value() or b"")
        elif self._count() == self._total:
            self._finish()

    def fail(self, error: KafkaError, key: bytes, value: bytes) -> None:
        refused = error.code() in _REFUSALS
        if not refused:
            self.reason = error.str()
        with _failing:
            self._failures.setdefault((key, value), []).append(
                Delivery.REFUSED if refused else Delivery.NOT_ACKNOWLEDGED
            )
        if self._count() == self._total:
            self._finish()

    def _finish(self) -> None:
        self._complete = True
        self._done()

    def deliveries(self) -> list[Delivery]:
        """In the order of the messages. Of messages that are the same, it does not matter which one failed."""
        with _failing:
            rest = Delivery.ACKNOWLEDGED if self._complete else Delivery.NOT_ACKNOWLEDGED
            if not self._failures:
                return [rest] * len(self._messages)
            failures = {message: iter(deliveries) for message, deliveries in self._failures.items()}
            return [next(failures.get(message, iter(())), rest) for message in self._messages]
