"""What a feeder committed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """`rows` that were stored, and `duplicates`: events that were not, for they were stored already."""

    rows: int = 0
    duplicates: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(self.rows + other.rows, self.duplicates + other.duplicates)
