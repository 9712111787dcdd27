"""What was taken out of the store on purpose: rows past their retention, and rows of people who asked for it.

    state/maintenance/removals.ndjson    one line for each partition of each day

Written by the store's maintenance, read by whoever counts rows: what is missing is explained here.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` of the offsets `first_offset` to `last_offset` of one partition and day, gone since `removed_at`."""

    kind: Literal["retention", "forget"]
    topic: str
    partition: int
    date: str
    first_offset: int
    last_offset: int
    rows: int
    removed_at: datetime


def removals_path(root: Path) -> Path:
    return root / "state" / "maintenance" / "removals.ndjson"


def read_removals(root: Path, topic: str) -> list[Removal]:
    """Everything that was removed from `topic`, in order of time. Raises OSError; msgspec.MsgspecError."""
    try:
        lines = removals_path(root).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    removals = (msgspec.json.decode(line, type=Removal) for line in lines)
    return [removal for removal in removals if removal.topic == topic]
