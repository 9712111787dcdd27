"""Encoded records that wait for their commit."""

from dataclasses import dataclass, field

from brokerlytics.checkpoint import PoisonCount
from feeder_app.records import Record


@dataclass(slots=True)
class Batch:
    """Encoded records that go into one segment with one commit: offsets before `next_offset`.

    `date` is that of its first row, empty before there is one: what has no row decides no segment's date.
    """

    next_offset: int
    poison: PoisonCount
    date: str = ""
    rows: bytearray = field(default_factory=bytearray)
    row_count: int = 0
    dead_letters: bytearray = field(default_factory=bytearray)
    dead_letter_count: int = 0
    duplicates: int = 0

    def fits(self, record: Record, row: bytes) -> bool:
        """Whether it can go into this batch: the row of a later date begins another one."""
        return not row or not self.date or record.date <= self.date

    def take(self, record: Record, row: bytes, dead_letter: bytes, poison: PoisonCount) -> None:
        """Of row and dead letter one is empty; both are when the record repeats an event. `poison` counts it."""
        if row:
            self.date = self.date or record.date
            self.rows += row
            self.row_count += 1
        elif dead_letter:
            self.dead_letters += dead_letter
            self.dead_letter_count += 1
        else:
            self.duplicates += 1
        self.next_offset = record.offset + 1
        self.poison = poison
