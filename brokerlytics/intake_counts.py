"""What became of the events that were sent, in numbers: told by the app that takes them in, to whoever asks.

Apps never import each other, so the one that knows says here how it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

ACCEPTED: Final = "accepted"


@dataclass(frozen=True, slots=True)
class IntakeCount:
    """The events of one outcome on one day (UTC): `code` is ACCEPTED or that of a rejection."""

    day: date
    code: str
    events: int


Teller = Callable[[date, date], list[IntakeCount]]
_tellers: Final[list[Teller]] = []


def tell_intake_counts(teller: Teller) -> None:
    """Have `teller` asked from now on: for the days from its first argument to its second, both in it."""
    _tellers.append(teller)


def intake_counts(first: date, last: date) -> list[IntakeCount]:
    """The outcomes of these days, by day and code. Raises django.db.Error."""
    found = [count for teller in _tellers for count in teller(first, last)]
    return sorted(found, key=lambda count: (count.day, count.code))
