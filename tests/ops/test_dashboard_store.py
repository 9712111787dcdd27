"""The store of the dashboard's benchmark is one: its rows are events, and its checkpoints go with them."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.dashboard_store import TOPIC, make_store
from brokerlytics.csv_format import COLUMNS, HEADER
from brokerlytics.store import closed_segments, open_segment, open_snapshot

END = datetime(2026, 11, 25, tzinfo=UTC)


def test_the_generated_store_is_read_as_a_feeders(tmp_path: Path) -> None:
    make_store(tmp_path, 7_200, 100, END)
    segments = closed_segments(tmp_path, TOPIC)
    with open_segment(segments[0].path) as file:
        content = file.read()
    assert content.startswith(HEADER)
    rows = list(csv.DictReader(content.decode().splitlines()))
    assert list(rows[0]) == list(COLUMNS)
    assert [int(row["_offset"]) for row in rows] == list(range(len(rows)))
    assert rows[0]["created_on"].endswith("Z")
    with open_snapshot(tmp_path, TOPIC) as snapshot:
        assert snapshot.committed_at is not None
        assert len({segment.date for segment in snapshot.closed}) == 90
        assert sum(tail.committed_bytes for tail in snapshot.tails) > 0
