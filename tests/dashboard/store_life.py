"""What happens to a store while somebody looks on: events come, segments are closed, lost and rewritten."""

from dataclasses import dataclass, field
from pathlib import Path

from brokerlytics.event import Event
from tests.dashboard.plain_people import Row
from tests.dashboard.store_builder import Partition

# Of each step the events of a partition, the day of October on which its segment is closed, and what happens then.
Life = list[tuple[list[Event], int, int, str]]


@dataclass
class StoreLife:
    """A store of two partitions: its `rows`, and the path, the partition and the offsets of each closed segment."""

    store: Path
    rows: list[Row] = field(default_factory=list)
    closed: list[tuple[Path, int, range]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._partitions = [Partition(self.store, number) for number in range(2)]

    def step(self, events: list[Event], number: int, day: int, then: str) -> None:
        """Commit events; unless `then` is "tail" close what is open, and "lose" or "rewrite" the oldest segment."""
        partition = self._partitions[number]
        self.rows += [Row(event, number, partition.next_offset + nth) for nth, event in enumerate(events)]
        partition.commit(events)
        offsets = range(partition.first_offset, partition.next_offset)
        if then != "tail" and offsets:
            self.closed.append((partition.close(date=f"2026-10-2{day}"), number, offsets))
        if then == "lose" and self.closed:
            path, of, lost = self.closed.pop(0)
            path.unlink()
            self._remove(of, lost)
        if then == "rewrite" and self.closed:
            self._rewrite()

    def _rewrite(self) -> None:
        """As `forget` leaves a segment: other bytes, fewer rows."""
        path, of, offsets = self.closed[0]
        header, *lines = path.read_bytes().splitlines(keepends=True)
        path.unlink()
        path.write_bytes(header + b"".join(lines[1:]))
        self.closed[0] = path, of, offsets[1:]
        self._remove(of, offsets[:1])

    def _remove(self, partition: int, offsets: range) -> None:
        self.rows = [row for row in self.rows if row.partition != partition or row.offset not in offsets]
