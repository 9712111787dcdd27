"""Encoded records that wait for their commit."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from typing_extensions import Buffer

from brokerlytics.checkpoint import PoisonCount


@dataclass(slots=True)
class Batch:
    """Encoded records that go into one segment with one commit: offsets before `next_offset`.

    `date` is that of its first row, empty before there is one: what has no row decides no segment's date.
    `newest` is the time of its last record, in milliseconds since 1970.
    """

    next_offset: int
    poison: PoisonCount
    date: str = ""
    rows: bytearray = field(default_factory=bytearray)
    row_count: int = 0
    dead_letters: bytearray = field(default_factory=bytearray)
    dead_letter_count: int = 0
    duplicates: int = 0
    newest: int = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.rows) + len(self.dead_letters)

    def fits(self, date: str) -> bool:
        """Whether rows of `date` can go into this batch: those of a later one begin another."""
        return not self.date or date <= self.date

    def take_rows(self, rows: Iterable[Buffer], count: int, date: str) -> None:
        """So many rows with their line ends, all of `date`."""
        self.date = self.date or date
        for some in rows:
            self.rows += some
        self.row_count += count

    def take_dead_letter(self, letter: bytes) -> None:
        self.dead_letters += letter
        self.dead_letter_count += 1
