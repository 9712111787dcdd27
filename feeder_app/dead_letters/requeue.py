"""Producing dead letters onto the topic again: each once, whenever this process dies.

Order, for up to BATCH letters of a partition at a time:
    1. intents with the partition's end on the topic are on disk,
    2. the records are produced into the same partition, with a header that names the letter,
    3. what the broker acknowledged is on disk as done.
Whoever finds an intent without an end looks for the header on the topic, from the end that it names on, before
anything is sent again. That is enough once nothing of the dead process can be under way: SETTLE after the intent.

There are no transactions: their control records would be offsets without a record.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from brokerlytics.dead_letters import DeadLetter
from brokerlytics.store import PartitionPaths, partitions_in
from feeder_app.dead_letters.inbox import OPEN, LetterError, Wanted, find, job_lock, read_inbox
from feeder_app.dead_letters.journal import Entry, LetterState, append, last_entries, state_of
from feeder_app.dead_letters.mending import mended
from feeder_app.topic_reader import TopicAwayError, make_reader, messages_of

BATCH: Final = 500
HEADER: Final = "dead-letter"
# The client sends nothing of a record after this.
_DELIVERY: Final = timedelta(seconds=8)
SETTLE: Final = _DELIVERY + timedelta(seconds=2)
_ASK_SECONDS: Final = 10.0


class UnsettledError(LetterError):
    """What an interrupted requeue sent may still be on its way to the topic, until `ready_at`. Try again then."""

    def __init__(self, ready_at: datetime, now: datetime) -> None:
        wait = f"{(ready_at - now).total_seconds():.0f} s"
        super().__init__(
            f"A requeue was interrupted a moment ago. Try again in {wait}: then its records are looked for."
        )
        self.ready_at = ready_at


@dataclass(slots=True)
class Outcome:
    """How many letters were sent now, and how many an interrupted requeue had sent.

    `failed`: those that the broker did not acknowledge, with its word on the last of them in `error`. They may be on
    the topic all the same: the next requeue finds out.
    """

    sent: int = 0
    found: int = 0
    failed: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Requeue:
    """`kafka`: librdkafka's settings. `clock`: says what time it is."""

    root: Path
    topic: str
    kafka: Mapping[str, Any]
    clock: Callable[[], datetime]

    def run(self, places: Collection[str], fields: Mapping[str, Any]) -> Outcome:
        """Settle what an earlier run left unfinished, then send the letters at `places` that wait.

        `fields` mend them (mending.py). A letter that was requeued or dropped is not sent again.
        Raises LetterError (UnsettledError among them), KafkaException, TopicAwayError, OSError.
        """
        outcome = Outcome()
        with job_lock(self.root, self.topic, self.clock()):
            # Before anything is sent, so that a letter that cannot be mended stops all of it.
            for item in find(self.root, self.topic, places):
                if item.state in OPEN:
                    mended(item.letter, fields)
            outcome.found = self.settle()
            wanted = Wanted(states=frozenset({LetterState.WAITING}), places=frozenset(places))
            letters = (item.letter for item in read_inbox(self.root, self.topic, wanted))
            producer = self._producer()
            for partition, group in groupby(letters, lambda letter: letter.partition):
                while batch := list(islice(group, BATCH)):
                    self._send(producer, partition, batch, fields, outcome)
        return outcome

    def settle(self) -> int:
        """Find out what became of intents without an end. Returns how many of them are on the topic.

        Raises UnsettledError while it cannot be known yet; LetterError when it cannot be known any more.
        """
        found, now = 0, self.clock()
        for paths in partitions_in(self.root, self.topic):
            entries = [e for e in last_entries(paths).values() if state_of(e) is LetterState.UNFINISHED]
            if not entries:
                continue
            ready_at = max(entry.at for entry in entries) + SETTLE
            # A clock that was set back must not make anybody wait for ever.
            if now < ready_at <= now + SETTLE:
                raise UnsettledError(ready_at, now)
            there = self._look(paths, entries)
            append(paths, [_end_of(entry, there.get(_name(paths, entry.offset)), now) for entry in entries])
            found += len(there)
        return found

    def _look(self, paths: PartitionPaths, entries: Sequence[Entry]) -> dict[bytes, int]:
        """The offsets on the topic of the letters of these intents, by their names."""
        wanted = {_name(paths, entry.offset) for entry in entries}
        start = min(entry.from_offset for entry in entries)
        reader = make_reader(self.kafka)
        try:
            low, high = self._watermarks(reader, paths.partition)
            if not low <= start <= high:
                places = " ".join(f"{paths.partition}:{entry.offset}" for entry in entries)
                raise LetterError(
                    f"{paths.topic}[{paths.partition}] has the offsets {low} to {high - 1} only: what an interrupted "
                    f"requeue sent from {start} on cannot be found any more. Look for those events in the store, then "
                    f"run `deadletters drop {places}`."
                )
            partition = TopicPartition(paths.topic, paths.partition)
            named = ((_header(message), message.offset()) for message in messages_of(reader, partition, start, high))
            return {name: offset for name, offset in named if name in wanted and offset is not None}
        finally:
            reader.close()

    def _send(
        self,
        producer: Producer,
        partition: int,
        letters: Sequence[DeadLetter],
        fields: Mapping[str, Any],
        outcome: Outcome,
    ) -> None:
        """Steps 1 to 3."""
        paths = PartitionPaths(self.root, self.topic, partition)
        reader = make_reader(self.kafka)
        try:
            _, high = self._watermarks(reader, partition)
        finally:
            reader.close()
        done, now = list[Entry](), self.clock()
        append(paths, [Entry(step="intent", offset=x.offset, at=now, from_offset=high) for x in letters])

        def delivered(letter: int, error: KafkaError | None, message: Message) -> None:
            if error is None:
                done.append(Entry(step="done", offset=letter, at=now, new_offset=message.offset() or 0))
            else:
                outcome.error = error.str()

        for letter in letters:
            producer.produce(
                self.topic,
                key=letter.key,
                value=mended(letter, fields),
                partition=partition,
                headers=[(HEADER, _name(paths, letter.offset))],
                on_delivery=partial(delivered, letter.offset),
            )
        producer.flush()
        append(paths, done)
        outcome.sent += len(done)
        outcome.failed += len(letters) - len(done)

    def _producer(self) -> Producer:
        ours = {
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": _DELIVERY // timedelta(milliseconds=1),
            # How large a record may be is for the topic to say.
            "message.max.bytes": 100_000_000,
        }
        return Producer({**self.kafka, **ours})

    def _watermarks(self, reader: Consumer, partition: int) -> tuple[int, int]:
        found = reader.get_watermark_offsets(TopicPartition(self.topic, partition), timeout=_ASK_SECONDS, cached=False)
        if found is None:
            raise TopicAwayError(f"{self.topic}[{partition}] does not answer. Try again.")
        return found


def _end_of(intent: Entry, new_offset: int | None, now: datetime) -> Entry:
    if new_offset is None:
        return Entry(step="absent", offset=intent.offset, at=now)
    return Entry(step="done", offset=intent.offset, at=now, new_offset=new_offset)


def _header(message: Message) -> bytes:
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return next((value for name, value in pairs if name == HEADER and isinstance(value, bytes)), b"")


def _name(paths: PartitionPaths, offset: int) -> bytes:
    return f"{paths.topic}-{paths.partition}-{offset}".encode()
