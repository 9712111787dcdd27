"""What became of the offsets of a partition, and what the checks of it share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from feeder_app.records import day_of_date
from feeder_app.verify.findings import Findings
from feeder_app.verify.view import Part

RESTORE: Final = "Restore the file from a backup."
Tell = Callable[[int], None]


@dataclass(slots=True)
class Account:
    """What became of the offsets of one partition. `unexplained` are those that are in nothing of it."""

    partition: int
    files: int = 0
    bytes: int = 0
    rows: int = 0
    next_offset: int = 0
    dead_letters: int = 0
    duplicates: int = 0
    gaps: int = 0
    removed: int = 0
    unexplained: int = 0
    compared: int = 0
    findings: Findings = field(default_factory=Findings)


def days_of(parts: tuple[Part, ...], findings: Findings) -> Iterator[tuple[int, Part]]:
    """Each part with the day of its rows (seen_ids.py): days only go up."""
    days = []
    for part in parts:
        try:
            days.append(day_of_date(part.date))
        except ValueError:
            findings.fault("name", part.path, f"{part.date!r} is no date. Move the file back to where it was.")
            days.append(0)
    return zip(accumulate(days, max), parts, strict=True)
