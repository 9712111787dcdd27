"""What a feeder tells Prometheus about its work. Everything is counted per commit, never per record.

Counters start at 0 with the process. They count what a checkpoint has committed: what was written and then
cut off is in none of them.
"""

import math
from typing import Final

import msgspec
from prometheus_client import Counter, Histogram

from brokerlytics.checkpoint import Checkpoint
from brokerlytics.store import PartitionPaths

_PARTITION: Final = ("topic", "partition")
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)

ROWS: Final = Counter("brokerlytics_feeder_rows", "Rows committed.", _PARTITION)
BYTES: Final = Counter("brokerlytics_feeder_bytes", "Bytes of segments committed, headers too.", _PARTITION)
DUPLICATES: Final = Counter("brokerlytics_feeder_duplicates", "Events not stored, for they were already.", _PARTITION)
COMMITS: Final = Counter("brokerlytics_feeder_commits", "Checkpoints that committed records.", _PARTITION)
SEGMENTS_CLOSED: Final = Counter("brokerlytics_feeder_segments_closed", "Segments closed.", _PARTITION)
GAPS: Final = Counter("brokerlytics_feeder_gaps", "Ranges of offsets that had left the topic unread.", _PARTITION)
LOST_OFFSETS: Final = Counter("brokerlytics_feeder_lost_offsets", "Offsets in those ranges.", _PARTITION)
DEAD_LETTERS: Final = Counter(
    "brokerlytics_feeder_dead_letters", "Records parked, for they are no events.", (*_PARTITION, "reason")
)
COMMIT_SECONDS: Final = Histogram(
    "brokerlytics_feeder_commit_seconds", "A commit of one partition, from buffer to checkpoint.", buckets=_SECONDS
)
FSYNC_SECONDS: Final = Histogram(
    "brokerlytics_feeder_fsync_seconds", "One fsync or fdatasync, by what was synced.", ("file",), buckets=_SECONDS
)
FSYNC_DATA: Final = FSYNC_SECONDS.labels("data")
FSYNC_DIRECTORY: Final = FSYNC_SECONDS.labels("directory")
FSYNC_CHECKPOINT: Final = FSYNC_SECONDS.labels("checkpoint")


class _Letter(msgspec.Struct):
    reason: str = "unknown"


def count_commit(paths: PartitionPaths, before: Checkpoint, after: Checkpoint) -> None:
    """Count what became committed between two neighbouring checkpoints of one partition."""
    labels = (paths.topic, str(paths.partition))
    if after.next_offset > before.next_offset:
        if after.gaps == before.gaps:
            COMMITS.labels(*labels).inc()
        # What a new store begins behind is not lost.
        elif before.next_offset:
            GAPS.labels(*labels).inc()
            LOST_OFFSETS.labels(*labels).inc(after.next_offset - before.next_offset)
    ROWS.labels(*labels).inc(after.rows - before.rows)
    DUPLICATES.labels(*labels).inc(after.duplicates - before.duplicates)
    BYTES.labels(*labels).inc(_bytes_between(before, after))
    if before.active and not after.active:
        SEGMENTS_CLOSED.labels(*labels).inc()


def count_dead_letters(paths: PartitionPaths, letters: bytes | bytearray) -> None:
    """Count committed dead letters by their reason; `letters` are their lines of JSON."""
    for line in letters.splitlines():
        letter = msgspec.json.decode(line, type=_Letter)
        DEAD_LETTERS.labels(paths.topic, str(paths.partition), letter.reason).inc()


def _bytes_between(before: Checkpoint, after: Checkpoint) -> int:
    if after.active is None:
        return 0
    known = before.active is not None and before.active.name == after.active.name
    return after.active.committed_bytes - (before.active.committed_bytes if known and before.active else 0)
