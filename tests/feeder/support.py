"""What the feeder's tests share: records, a clock, and an independent reader of the store."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from brokerlytics.store import PartitionPaths, open_segment, open_snapshot
from feeder_app.records import Record

TOPIC = "events"
START = datetime(2026, 8, 22, 23, 59, 50, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def record(offset: int, *, value: bytes | None = None, at: datetime = START, partition: int = 0) -> Record:
    """A record with a good event in it, unless `value` says otherwise."""
    event = {"event_type": "VIEW", "device_id": f"d{offset % 7}", "properties": {"n": offset, "text": 'a,"b"\r\nc'}}
    return Record(
        topic=TOPIC,
        partition=partition,
        offset=offset,
        timestamp=int(at.timestamp() * 1000),
        key=b"k",
        value=json.dumps(event).encode() if value is None else value,
    )


def paths(root: Path, partition: int = 0) -> PartitionPaths:
    return PartitionPaths(root, TOPIC, partition)


def stored_rows(root: Path, topic: str = TOPIC) -> list[dict[str, str]]:
    """Every committed row, as a reader of the store sees them."""
    rows: list[dict[str, str]] = []
    with open_snapshot(root, topic) as snapshot:
        texts = [_content(segment.path) for segment in snapshot.closed]
        texts += [tail.file.read(tail.committed_bytes) for tail in snapshot.tails]
    for text in texts:
        rows += csv.DictReader(io.StringIO(text.decode(), newline=""), strict=True)
    return rows


def _content(path: Path) -> bytes:
    with open_segment(path) as file:
        return file.read()


def stored_offsets(root: Path, topic: str = TOPIC) -> list[tuple[int, int]]:
    return sorted((int(row["_partition"]), int(row["_offset"])) for row in stored_rows(root, topic))


def dead_letters(root: Path, partition: int = 0) -> list[dict[str, object]]:
    text = paths(root, partition).dead_letters.read_text()
    return [json.loads(line) for line in text.splitlines()]


def assert_exactly(offsets: Iterable[tuple[int, int]], expected: Iterable[int], partition: int = 0) -> None:
    assert list(offsets) == [(partition, offset) for offset in expected]
