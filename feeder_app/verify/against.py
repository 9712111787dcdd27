"""The store held against the topic, record by record: what each must have become is worked out again."""

from collections.abc import Iterator
from typing import Final

import msgspec
from confluent_kafka import Consumer, TopicPartition
from msgspec.structs import replace

from brokerlytics.csv_format import COLUMNS, encode_row
from brokerlytics.dead_letters import decode_letter, first_lines
from brokerlytics.event import InvalidEventError
from feeder_app.policies import FeederPolicy
from feeder_app.records import Record, dead_letter_of, event_of, record_of
from feeder_app.segment_rows import leading_cells
from feeder_app.topic_reader import messages_of
from feeder_app.verify.account import RESTORE, Account, Tell, days_of
from feeder_app.verify.findings import Findings
from feeder_app.verify.repeats import Memory
from feeder_app.verify.rows import BadBytes, scan
from feeder_app.verify.view import View

_TELL: Final = 1_000
_ASK_SECONDS: Final = 10.0
_ID: Final = COLUMNS.index("event_id")
_SOURCE: Final = COLUMNS.index("source")


class Comparison:
    """Walks the committed offsets that the topic still has, and what the store has of them, side by side.

    The feeder's rule is followed anew: which record is an event, which one repeats one, and what its bytes are.
    """

    def __init__(self, view: View, account: Account, consumer: Consumer, tell: Tell) -> None:
        """`tell` is called with the number of records read since the last call."""
        self._view = view
        self._account = account
        self._consumer = consumer
        self._tell = tell
        self._place = f"{view.paths.topic}[{view.paths.partition}]"
        self._gaps = view.checkpoint.gaps if view.checkpoint else ()
        self._seen = Memory(FeederPolicy().seen_block)
        self._rows = stored_rows(view)
        self._row = next(self._rows, None)
        self._letters = stored_letters(view)
        self._letter = next(self._letters, None)
        self._gone = 0

    def run(self) -> None:
        """Raises TopicAwayError, KafkaException, OSError."""
        partition = TopicPartition(self._view.paths.topic, self._view.paths.partition)
        low, high = self._consumer.get_watermark_offsets(partition, timeout=_ASK_SECONDS, cached=False)
        end, findings = self._view.end, self._account.findings
        if high < end:
            text = f"{end} offsets are committed, but the topic ends at {high}: it was made again, or is another one."
            findings.fault("topic", self._place, f"{text} Use another STORE_DIR for it.")
            return
        self._pass_to(low)
        self._gone = 0
        for record in map(record_of, messages_of(self._consumer, partition, low, end)):
            self._account.compared += 1
            if not any(gap.start <= record.offset < gap.end for gap in self._gaps):
                self._compare(record)
            if self._account.compared % _TELL == 0:
                self._tell(_TELL)
        self._pass_to(end)
        self._tell(self._account.compared % _TELL)
        if self._gone:
            findings.note(
                self._place, f"{self._gone:,} rows or dead letters are of records that the topic has no more."
            )
        self._account.unexplained = max(self._account.unexplained - self._holes(max(end - low, 0)), 0)

    def _holes(self, offsets: int) -> int:
        """How many of these last offsets the topic has no record of."""
        return offsets - self._account.compared - self._gone

    def _pass_to(self, offset: int) -> None:
        """Pass over what is stored before `offset` and was met by no record."""
        while self._row and self._row[0] < offset:
            stored, row, day = self._row
            self._seen.remember(day, stored, identity_in(row))
            self._row, self._gone = next(self._rows, None), self._gone + 1
        while self._letter and self._letter[0] < offset:
            self._letter, self._gone = next(self._letters, None), self._gone + 1

    def _compare(self, record: Record) -> None:
        self._pass_to(record.offset)
        row, letter = b"", b""
        if self._row and self._row[0] == record.offset:
            row, self._row = self._row[1], next(self._rows, None)
        if self._letter and self._letter[0] == record.offset:
            letter, self._letter = self._letter[1], next(self._letters, None)
        if text := self._fault(record, row, letter):
            self._account.findings.fault("topic", f"{self._place}, offset {record.offset}", text)

    def _fault(self, record: Record, row: bytes, letter: bytes) -> str:
        try:
            event = event_of(record)
            expected = encode_row(event, record.partition, record.offset)
        except InvalidEventError as error:
            if row:
                return f"a row is stored, but the record is no event: {error.reason}. {RESTORE}"
            same = bool(letter) and _is_same(letter, dead_letter_of(record, error))
            return "" if same else f"its dead letter is missing or differs. {RESTORE}"
        if letter:
            return f"a dead letter is stored, but the record is an event. {RESTORE}"
        identity = hash(((event.source or "").encode(), event.event_id.encode()))
        if self._seen.remember(record.day, record.offset, identity):
            return self._fault_of_row(record, row, expected)
        return "it repeats an event and is stored all the same. Tell the makers." if row else ""

    def _fault_of_row(self, record: Record, row: bytes, expected: bytes) -> str:
        if row:
            return "" if row == expected else f"the row differs from its record. {RESTORE}"
        if self._view.was_removed(record.offset):
            return ""
        return "LOST: the event is not stored. Restore the store, or read the topic anew into another STORE_DIR."


def stored_rows(view: View) -> Iterator[tuple[int, bytes, int]]:
    """Offset, bytes and day of every good row, in order of offsets."""
    for day, part in days_of(view.parts, Findings()):
        with part.opened() as file:
            for rows in scan(file, part.size):
                if not isinstance(rows, BadBytes):
                    for offset, row in zip(rows.offsets, rows.texts(), strict=True):
                        yield offset, row, day


def stored_letters(view: View) -> Iterator[tuple[int, bytes]]:
    """Offset and line of every dead letter that can be read."""
    size = view.checkpoint.dead_letter_bytes if view.checkpoint else 0
    if not size or not view.paths.dead_letters.exists():
        return
    for line in first_lines(view.paths.dead_letters, size):
        try:
            yield decode_letter(line).offset, line
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue


def _is_same(letter: bytes, expected: bytes) -> bool:
    """Whether it is the expected line, or what `forget` left of it."""
    found, whole = decode_letter(letter), decode_letter(expected)
    return letter == expected or (
        found.is_blank and len(letter) == len(expected) and replace(whole, key=found.key, value=found.value) == found
    )


def identity_in(row: bytes) -> int:
    cells = leading_cells(row, _SOURCE + 1)
    return hash((cells[_SOURCE], cells[_ID]))
