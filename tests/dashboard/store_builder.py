"""Makes a store as a feeder leaves it, from the contracts alone."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brokerlytics.checkpoint import ActiveSegment, Checkpoint, CheckpointFile
from brokerlytics.csv_format import HEADER, encode_row
from brokerlytics.event import Event
from brokerlytics.store import PartitionPaths

TOPIC = "events"
COMMITTED_AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def make_event(created_on: datetime, event_type: str = "page_view", **more: Any) -> Event:
    """An event of device d1, unless `more` says otherwise."""
    if "user_id" not in more:
        more.setdefault("device_id", "d1")
    times: dict[str, Any] = {"created_on": created_on, "original_created_on": created_on, "received_on": created_on}
    return Event(event_id="e", event_type=event_type, **times, **{"kind": "track", **more})


@dataclass
class Partition:
    """One partition of the store at `root`: rows are committed to a tail, and tails are closed."""

    root: Path
    number: int = 0
    next_offset: int = 0
    first_offset: int = 0
    sequence: int = 0
    committed_bytes: int = 0
    rows: bytearray = field(default_factory=lambda: bytearray(HEADER))

    @property
    def paths(self) -> PartitionPaths:
        return PartitionPaths(self.root, TOPIC, self.number)

    @property
    def active(self) -> Path:
        return self.paths.state / self.paths.active_name(self.first_offset, 1)

    def commit(self, events: Sequence[Event], *, garbage: bytes = b"") -> None:
        """Append the events' rows to the tail and commit them; `garbage` follows uncommitted."""
        for event in events:
            self.rows += encode_row(event, self.number, self.next_offset)
            self.next_offset += 1
        self.paths.state.mkdir(parents=True, exist_ok=True)
        with self.active.open("r+b" if self.active.exists() else "wb") as file:
            file.seek(self.committed_bytes)
            file.write(self.rows[self.committed_bytes :] + garbage)
        self.committed_bytes = len(self.rows)
        self._write_checkpoint()

    def close(self, *, finish: bool = True, date: str = "2026-11-23") -> Path:
        """Turn the tail into a closed segment; without `finish` the checkpoint still names it, as in mid-close."""
        os.truncate(self.active, self.committed_bytes)
        target = self.paths.data / self.paths.closed_name(date, self.first_offset, self.next_offset - 1)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.active.rename(target)
        if finish:
            self.first_offset, self.rows, self.committed_bytes = self.next_offset, bytearray(HEADER), 0
            self._write_checkpoint(active=False)
        return target

    def _write_checkpoint(self, *, active: bool = True) -> None:
        self.sequence += 1
        segment = ActiveSegment(
            name=self.active.name,
            first_offset=self.first_offset,
            committed_bytes=self.committed_bytes,
            date="2026-11-23",
            opened_at=COMMITTED_AT,
            csv_version=1,
        )
        file = CheckpointFile(self.paths.checkpoint)
        file.write(
            Checkpoint(
                sequence=self.sequence,
                epoch=1,
                next_offset=self.next_offset,
                active=segment if active else None,
                rows=self.next_offset,
                committed_at=COMMITTED_AT,
            )
        )
        file.close()
