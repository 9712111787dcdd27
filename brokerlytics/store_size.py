"""How large a topic's part of the store is, and of what days."""

from dataclasses import dataclass
from pathlib import Path

from brokerlytics.store import closed_segments, names_in, partitions_in


@dataclass(frozen=True, slots=True)
class StoreSize:
    """Files and bytes of one kind; `first_day` and `last_day` are YYYY-MM-DD, empty where files belong to no day."""

    kind: str
    files: int
    bytes: int
    first_day: str = ""
    last_day: str = ""


def store_sizes(root: Path, topic: str) -> list[StoreSize]:
    """The closed segments (plain and compressed), the active ones, and the dead letters of `topic`. Raises OSError.

    A file that is closed or replaced meanwhile is left out.
    """
    closed = closed_segments(root, topic)
    kinds = {
        "closed": [segment for segment in closed if segment.path.suffix == ".csv"],
        "closed, compressed": [segment for segment in closed if segment.path.suffix != ".csv"],
    }
    sizes = []
    for kind, segments in kinds.items():
        days = sorted(segment.date for segment in segments)
        first, last = (days[0], days[-1]) if days else ("", "")
        sizes.append(_size(kind, [segment.path for segment in segments], first, last))
    partitions = partitions_in(root, topic)
    active = [paths.state / name for paths in partitions for name in names_in(paths.state) if name.endswith(".open")]
    sizes.append(_size("active", active))
    sizes.append(_size("dead letters", [paths.dead_letters for paths in partitions]))
    return sizes


def size_of(path: Path) -> int | None:
    """The bytes of a file; None when it is not there any more."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _size(kind: str, paths: list[Path], first: str = "", last: str = "") -> StoreSize:
    found = [size for path in paths if (size := size_of(path)) is not None]
    return StoreSize(kind, len(found), sum(found), first, last)
