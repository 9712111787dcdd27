"""An independent reader: what is stored, by the files alone, held against what was acknowledged.

It shares no code with the product. The layout is that of docs/architecture.md.
"""

import csv
import gzip
import io
import json
import re
import struct
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from torture.load import Acknowledged

_SLOT = 8192
_NAME = re.compile(r"(?P<topic>.+)-p(?P<partition>\d{4,})-\d{20}-\d{20}\.csv(\.gz|\.zst)?")
Place = tuple[int, int]


@dataclass
class Stored:
    """`rows`: places and ids in the order of the files. `checkpoints`, and the places of `dead_letters`."""

    rows: list[tuple[Place, str]] = field(default_factory=list)
    checkpoints: dict[int, dict[str, Any]] = field(default_factory=dict)
    dead_letters: list[Place] = field(default_factory=list)


@dataclass
class Audit:
    """`acknowledged` counts events, each once. `problems` says all that is wrong; empty when the store is exact.

    `explained`: acknowledged events that had left the topic, in offsets that a checkpoint records as a gap.
    `missing` and `twice` are the ids of those that are lost or duplicated.
    """

    acknowledged: int = 0
    repeated: int = 0
    stored: int = 0
    lost: int = 0
    duplicated: int = 0
    explained: int = 0
    missing: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def audit(root: Path, topic: str, acknowledged: Acknowledged) -> Audit:
    """Compare by (partition, offset) and by event_id, and hold the checkpoints' counts against the files."""
    result = Audit(acknowledged=len(set(acknowledged.names)), repeated=acknowledged.repeated)
    try:
        stored = read_store(root, topic)
    except (csv.Error, ValueError, TypeError, KeyError, OSError) as error:
        result.problems.append(f"the store cannot be read: {type(error).__name__}: {error}")
        return result
    result.stored = len(stored.rows)
    gaps = {(p, n) for p, c in stored.checkpoints.items() for gap in c["gaps"] for n in range(gap["start"], gap["end"])}
    _compare_events(result, stored, acknowledged, gaps)
    _compare_dead_letters(result, stored, acknowledged, gaps)
    _compare_counts(result, stored)
    return result


def read_store(root: Path, topic: str) -> Stored:
    """Raises ValueError, TypeError, csv.Error or OSError for what is torn or missing."""
    stored = Stored()
    for path in sorted((root / "state").glob(f"{topic}-[0-9]*")):
        partition = int(path.name.rpartition("-")[2])
        if checkpoint := _read_checkpoint(path / "CKPT"):
            stored.checkpoints[partition] = checkpoint
            letters = (path / "dead-letters.ndjson").read_bytes()[: checkpoint["dead_letter_bytes"]]
            stored.dead_letters += [(partition, json.loads(line)["offset"]) for line in letters.splitlines()]
            active = checkpoint["active"]
            if active and active["committed_bytes"] and (path / active["name"]).exists():
                committed = (path / active["name"]).read_bytes()[: active["committed_bytes"]]
                stored.rows += _rows(committed, partition)
    for path in sorted((root / "data").glob(f"date=*/{topic}-p*.csv*")):
        match = _NAME.fullmatch(path.name)
        if match and match["topic"] == topic:
            stored.rows += _rows(_content(path), int(match["partition"]))
    return stored


def _content(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    return zstandard.ZstdDecompressor().decompressobj().decompress(raw) if path.suffix == ".zst" else raw


def _rows(content: bytes, partition: int) -> list[tuple[Place, str]]:
    rows = []
    for row in csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True):
        place = int(row["_partition"]), int(row["_offset"])
        if None in row or None in row.values() or place[0] != partition:
            raise ValueError(f"the row at {place} is torn")
        if row["device_id"] != f"d{int(row['event_id'][1:]) % 40}":
            raise ValueError(f"the row at {place} is not what was sent")
        rows.append((place, row["event_id"]))
    return rows


def _read_checkpoint(path: Path) -> dict[str, Any] | None:
    content = path.read_bytes() if path.exists() else b""
    found = []
    for start in (0, _SLOT):
        slot = content[start : start + _SLOT]
        if len(slot) < 8:
            continue
        length, crc = struct.unpack_from(">II", slot)
        if length and zlib.crc32(slot[8 : 8 + length]) == crc:
            found.append(json.loads(slot[8 : 8 + length]))
    return max(found, key=lambda one: int(one["sequence"]), default=None)


def _compare_events(result: Audit, stored: Stored, acknowledged: Acknowledged, gaps: set[Place]) -> None:
    places = Counter(place for place, _ in stored.rows)
    ids = Counter(name for _, name in stored.rows)
    extra = sum(count - 1 for count in places.values())
    result.duplicated = max(sum(count - 1 for count in ids.values()), extra)
    result.twice = {name for name, count in ids.items() if count > 1}
    result.problems += [f"{place} is stored {count} times" for place, count in places.items() if count > 1]
    result.problems += [f"{name} is stored {count} times" for name, count in ids.items() if count > 1]
    first = dict(reversed(stored.rows))
    sent = defaultdict(list)
    for place, name in acknowledged.places.items():
        if first.get(place, name) != name:
            result.problems.append(f"{place} holds {first[place]}, acknowledged was {name}")
        if name:
            sent[name].append(place)
    for name in set(acknowledged.names) - set(ids):
        # Nowhere: what a cluster lost, another event has its place.
        where = sent[name]
        if where and all(place in gaps for place in where):
            result.explained += 1
        else:
            result.lost += 1
            result.missing.add(name)
            result.problems.append(f"{name} is missing, acknowledged at {sorted(where)}")


def _compare_dead_letters(result: Audit, stored: Stored, acknowledged: Acknowledged, gaps: set[Place]) -> None:
    parked = Counter(stored.dead_letters)
    junk = {place for place, name in acknowledged.places.items() if not name and place not in gaps}
    result.problems += [f"dead letter {place} is missing" for place in junk - set(parked)]
    result.problems += [f"dead letter {place} is there {count} times" for place, count in parked.items() if count > 1]


def _compare_counts(result: Audit, stored: Stored) -> None:
    rows = Counter(place[0] for place, _ in stored.rows)
    for partition, checkpoint in stored.checkpoints.items():
        if rows[partition] != checkpoint["rows"]:
            result.problems.append(
                f"[{partition}] has {rows[partition]} rows, its checkpoint says {checkpoint['rows']}"
            )
        gaps = sum(gap["end"] - gap["start"] for gap in checkpoint["gaps"])
        taken = checkpoint["rows"] + checkpoint["duplicates"] + checkpoint["dead_letters"] + gaps
        if taken != checkpoint["next_offset"]:
            result.problems.append(f"[{partition}] took {taken} records of {checkpoint['next_offset']}: it has holes")
