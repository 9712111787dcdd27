"""What a check of the store found: faults, and notes on what is odd and allowed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

SHOWN: Final = 20


@dataclass(slots=True)
class Findings:
    """Faults by kind: the first SHOWN of each, and how many there are. Notes are no faults."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def fault(self, kind: str, place: object, text: str) -> None:
        """`place`: the file and byte, or the partition and offset; `text`: what is wrong and what to do."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        lines = self.lines.setdefault(kind, [])
        if len(lines) < SHOWN:
            lines.append(f"{place}: {text}")

    def note(self, place: object, text: str) -> None:
        self.notes.append(f"{place}: {text}")

    def add(self, other: "Findings") -> None:
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            mine = self.lines.setdefault(kind, [])
            mine += other.lines[kind][: SHOWN - len(mine)]
        self.notes += other.notes

    def texts(self) -> Iterator[str]:
        """One line for each fault; for a kind with too many, the number of the others."""
        for kind, lines in self.lines.items():
            yield from (f"{kind}: {line}" for line in lines)
            if (more := self.counts[kind] - len(lines)) > 0:
                yield f"{kind}: and {more:,} more"
