"""What the feeder's tests share: records, a clock, and an independent reader of the store."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from brokerlytics.csv_rows import row_encoder
from brokerlytics.store import PartitionPaths, open_segment, open_snapshot
from brokerlytics.timestamps import format_timestamp
from feeder_app.records import Record, Records

TOPIC = "events"
START = datetime(2026, 8, 22, 23, 59, 50, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def record(offset: int, *, value: bytes | None = None, at: datetime = START, partition: int = 0) -> Record:
    """A record with a good event in it, unless `value` says otherwise."""
    event: dict[str, Any] = {
        "event_type": "VIEW",
        "device_id": f"d{offset % 7}",
        "properties": {"n": offset, "text": 'a,"b"\r\nc'},
    }
    if offset % 2:
        event["event_id"] = f"{TOPIC}-{partition}-{offset}"
    return Record(
        topic=TOPIC,
        partition=partition,
        offset=offset,
        timestamp=int(at.timestamp() * 1000),
        key=b"k",
        value=encoded(event, at, is_plain=offset % 2 == 1) if value is None else value,
    )


def encoded(fields: dict[str, Any], at: datetime, *, is_plain: bool) -> bytes:
    """An event as our producer writes it, so that it is encoded in C, or one that is left to the rules."""
    if not is_plain:
        return json.dumps(fields).encode()
    times = dict.fromkeys(["created_on", "original_created_on", "received_on"], format_timestamp(at))
    return json.dumps({"v": 1, "kind": "track"} | times | fields, separators=(",", ":"), ensure_ascii=False).encode()


def columns(records: Sequence[Record]) -> Records:
    """Records of one partition as the writer takes them: encoded in C, where it is compiled."""
    partition, times = records[0].partition if records else 0, [record.timestamp for record in records]
    offsets, encoder = [record.offset for record in records], row_encoder()
    rows = encoder.encode([record.value for record in records], partition, offsets) if encoder else None

    def key_and_value(index: int) -> tuple[bytes | None, bytes | None]:
        assert rows is None or not rows.is_plain(index)
        return records[index].key, records[index].value

    return Records(TOPIC, partition, offsets, times, key_and_value, rows, min(times, default=0), max(times, default=0))


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
