"""What the admin shows of dead letters: counts, one page of them, and one with its bytes, ids masked."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.http import QueryDict

from brokerlytics.event import Reason
from brokerlytics.masking import excerpt, mask, mask_text
from feeder_app.dead_letters.inbox import Item, Wanted, read_inbox
from feeder_app.dead_letters.journal import LetterState

ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One letter as the page shows it; its message may have a piece of the record in it."""

    item: Item

    @property
    def message(self) -> str:
        return mask_text(self.item.letter.message)

    @property
    def key(self) -> str:
        key = self.item.letter.key
        return "none" if key is None else mask(key.decode(errors="backslashreplace"))

    @property
    def value(self) -> str:
        return "none" if self.item.letter.value is None else excerpt(self.item.letter.value)

    @property
    def size(self) -> int:
        return len(self.item.letter.value or b"")


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many letters have a reason, by what became of them."""

    reason: str
    by_state: dict[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class Page:
    """The first ROWS letters that match, how many match, and what there is to filter by."""

    lines: list[Line]
    matching: int
    counts: list[ReasonCount]
    partitions: list[int]


def wanted_of(query: QueryDict) -> Wanted:
    """The filters of the address; what means nothing is left out."""
    reason, partition, state = (query.get(name, "") for name in ("reason", "partition", "state"))
    return Wanted(
        reason=reason if reason in list(Reason) else None,
        partition=int(partition) if partition.isascii() and partition.isdecimal() and len(partition) < 10 else None,
        states=frozenset({LetterState(state)}) if state in list(LetterState) else frozenset(),
    )


def page_of(root: Path, topic: str, wanted: Wanted) -> Page:
    """Reads every letter once and keeps ROWS of them. Raises as `read_inbox`."""
    lines: list[Line] = []
    counts: Counter[tuple[str, LetterState]] = Counter()
    partitions: set[int] = set()
    matching = 0
    for item in read_inbox(root, topic):
        counts[item.letter.reason, item.state] += 1
        partitions.add(item.letter.partition)
        if wanted.takes(item):
            matching += 1
            if len(lines) < ROWS:
                lines.append(Line(item))
    return Page(lines, matching, _by_reason(counts), sorted(partitions))


def _by_reason(counts: Counter[tuple[str, LetterState]]) -> list[ReasonCount]:
    found = []
    for reason in sorted({reason for reason, _ in counts}):
        by_state = {state.value: counts[reason, state] for state in LetterState}
        found.append(ReasonCount(reason, by_state, sum(by_state.values())))
    return sorted(found, key=lambda count: -count.total)
