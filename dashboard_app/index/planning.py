"""What the next generation of the index takes in, and into which part of its day."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from brokerlytics.index_files import Manifest, SegmentStamp, believable_days, read_manifest, stamp_segment
from brokerlytics.store import closed_segments
from dashboard_app.reading.closed_rows import day_of

_BATCH_BYTES: Final = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next generation takes in. `left` is how many bytes of segments are for later ones."""

    manifest: Manifest
    believed: frozenset[str]
    new: tuple[tuple[Path, SegmentStamp], ...]
    left: int

    @property
    def size(self) -> int:
        """Bytes of the new segments."""
        return sum(stamp.size for _, stamp in self.new)

    @property
    def gone(self) -> set[str]:
        """The days whose files count no more."""
        return {day.date for day in self.manifest.days} - self.believed

    @property
    def is_needed(self) -> bool:
        return bool(self.new) or len(self.believed) < len(self.manifest.days)


def make_plan(root: Path, topic: str, directory: Path) -> Plan:
    """What the next generation of the index in `directory` is of.

    Raises OSError: FileNotFoundError when a day was rewritten just now.
    """
    present = [(segment.path, stamp_segment(segment.path)) for segment in closed_segments(root, topic)]
    manifest = read_manifest(directory)
    believed = believable_days(directory, manifest, {(day_of(path), stamp) for path, stamp in present})
    indexed = {source for day in manifest.days if day.date in believed for source in day.sources}
    new: list[tuple[Path, SegmentStamp]] = []
    size = left = 0
    for path, stamp in present:
        if (day_of(path), stamp) in indexed:
            continue
        if new and size + stamp.size > _BATCH_BYTES:
            left += stamp.size
            continue
        new.append((path, stamp))
        size += stamp.size
    return Plan(manifest, frozenset(believed), tuple(new), left)


def parts_for(plan: Plan, part_rows: int) -> dict[str, str]:
    """To each date of new segments the part of its day that takes them in: the last one unless that has enough rows."""
    parts = {date: date for date in map(day_of, (path for path, _ in plan.new))}
    believed = (day for day in plan.manifest.days if day.date in plan.believed)
    for day in sorted(believed, key=lambda day: day.part):
        if day.calendar_date in parts:
            is_full = day.rows >= part_rows
            parts[day.calendar_date] = f"{day.calendar_date}-{day.part + 1}" if is_full else day.date
    return parts
