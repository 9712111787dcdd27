"""Heartbeats: a running feeder says every few seconds that it lives and how far it is."""

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

HEARTBEAT_INTERVAL: Final = timedelta(seconds=2)
HEARTBEAT_STALE: Final = timedelta(seconds=15)


class State(StrEnum):
    """WAITING: not opened yet (lock busy, broker silent). STALLED: opened, the disk is full."""

    WAITING = "waiting"
    RUNNING = "running"
    STALLED = "stalled"


class PartitionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One partition as its feeder sees it. `lag` is in records, None while unknown.

    `moved_at` is when it last committed or had nothing to do; `last_event_at` when the newest record of the
    last commit came to the topic, None before this owner's first commit. `arriving` and `storing` are the records per
    second that came to the topic and were committed, over the last minute; None while that is not known.
    """

    partition: int
    next_offset: int
    lag: int | None
    state: State
    moved_at: datetime
    last_event_at: datetime | None = None
    arriving: float | None = None
    storing: float | None = None


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What a feeder last said of itself; `pid` is its process on `host`.

    `rows` counts what it committed since its start, `duplicates` the events that it did not store again.
    """

    feeder: str
    host: str
    pid: int
    topic: str
    beat_at: datetime
    started_at: datetime
    rows: int
    partitions: tuple[PartitionStatus, ...]
    duplicates: int = 0


def write_heartbeat(root: Path, heartbeat: Heartbeat) -> None:
    """Replace the feeder's heartbeat in one step, so that no reader sees half of it. Raises OSError."""
    path = _path(root, heartbeat.feeder)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(heartbeat))
    temporary.replace(path)


def remove_heartbeat(root: Path, feeder: str) -> None:
    """A feeder that ends takes its heartbeat with it."""
    _path(root, feeder).unlink(missing_ok=True)


def live_heartbeats(root: Path, topic: str, now: datetime) -> list[Heartbeat]:
    """The heartbeats of the feeders of `topic` that are not stale at `now`."""
    found = []
    for path in sorted((root / "state" / "feeders").glob("*.json")):
        try:
            heartbeat = msgspec.json.decode(path.read_bytes(), type=Heartbeat)
        except (FileNotFoundError, msgspec.MsgspecError):
            continue
        if heartbeat.topic == topic and now - heartbeat.beat_at < HEARTBEAT_STALE:
            found.append(heartbeat)
    return found


def _path(root: Path, feeder: str) -> Path:
    return root / "state" / "feeders" / f"{feeder}.json"
