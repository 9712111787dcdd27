"""How many dead letters each reason has, counted on from where the last count ended."""

from collections import Counter
from pathlib import Path
from threading import Lock

import msgspec

from brokerlytics.checkpoint import read_checkpoint
from brokerlytics.dead_letters import lines_between
from brokerlytics.store import PartitionPaths, partitions_in


class _Reason(msgspec.Struct):
    """The part of a dead letter that is counted."""

    reason: str


_decoder = msgspec.json.Decoder(_Reason)


class LetterCounts:
    """Counts the committed dead letters of a topic again and again; for any number of threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        # By file: how far it is counted, and what was found.
        self._counted: dict[tuple[Path, int], tuple[int, Counter[str]]] = {}

    def by_reason(self, root: Path, topic: str) -> dict[str, int]:
        """The commonest first. Raises CorruptCheckpointError, msgspec.MsgspecError, OSError."""
        total: Counter[str] = Counter()
        with self._lock:
            for paths in partitions_in(root, topic):
                total += self._count(paths)
        return dict(sorted(total.items(), key=lambda one: (-one[1], one[0])))

    def _count(self, paths: PartitionPaths) -> Counter[str]:
        checkpoint = read_checkpoint(paths.checkpoint)
        if not checkpoint or not checkpoint.dead_letter_bytes:
            return Counter()
        # A store that was made anew has another file under the same name.
        file = paths.dead_letters, paths.dead_letters.stat().st_ino
        start, counts = self._counted.get(file, (0, Counter()))
        lines = lines_between(paths.dead_letters, start, checkpoint.dead_letter_bytes)
        counts = counts + Counter(_decoder.decode(line).reason for line in lines)
        self._counted[file] = checkpoint.dead_letter_bytes, counts
        return counts
