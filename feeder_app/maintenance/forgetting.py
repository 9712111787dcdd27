"""Removing one person's rows from the store: closed segments are rewritten without them, active ones closed before."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from brokerlytics.removals import Removal
from brokerlytics.store import DAMAGED, ClosedSegment, PartitionPaths, Tail, all_partitions, open_snapshot
from feeder_app.errors import StoreDamagedError
from feeder_app.maintenance.closing import Active, close_segments
from feeder_app.maintenance.dead_letters import blank_letters, count_letters
from feeder_app.maintenance.person import Person
from feeder_app.maintenance.rewriting import Content, rows_of, write_segment
from feeder_app.maintenance.watching import JobWatch
from feeder_app.maintenance.workspace import Workspace
from feeder_app.segment_rows import whole_rows


@dataclass(slots=True)
class Found:
    """Where a person's rows are: how many in which closed and active segments, and in how many dead letters."""

    closed: dict[ClosedSegment, int] = field(default_factory=dict)
    active: dict[Active, int] = field(default_factory=dict)
    dead_letters: int = 0

    @property
    def rows(self) -> int:
        return sum(self.closed.values()) + sum(self.active.values())

    @property
    def days(self) -> dict[str, list[ClosedSegment]]:
        days: dict[str, list[ClosedSegment]] = {}
        for segment in self.closed:
            days.setdefault(segment.date, []).append(segment)
        return days


class Forgetting:
    """One person's removal. Look first, then remove; no closed segment is searched twice."""

    def __init__(self, workspace: Workspace, person: Person, watch: JobWatch) -> None:
        self._workspace = workspace
        self._root = workspace.root
        self._person = person
        self._watch = watch
        self._known: dict[Path, int] = {}

    def look(self) -> Found:
        """Find the committed rows, in every topic of the store.

        Raises StoreDamagedError, CorruptCheckpointError, JobStoppedError, OSError.
        """
        found = Found()
        partitions = all_partitions(self._root)
        for topic in sorted({paths.topic for paths in partitions}):
            with open_snapshot(self._root, topic) as snapshot:
                new = [segment for segment in snapshot.closed if segment.path not in self._known]
                self._watch.begin("Reading", sum(segment.path.stat().st_size for segment in new))
                for segment in new:
                    self._known[segment.path] = self._count(segment.path)
                    self._watch.advance(segment.path.stat().st_size)
                found.closed |= {s: rows for s in snapshot.closed if (rows := self._known[s.path])}
                for tail in snapshot.tails:
                    if rows := self._count_tail(tail):
                        found.active[PartitionPaths(self._root, topic, tail.partition), tail.name] = rows
        found.dead_letters = sum(count_letters(paths, self._person) for paths in partitions)
        return found

    def remove(self, now: datetime) -> Found:
        """Remove every row that was committed when this began, and blank the dead letters; returns what it was.

        Rows of a segment that is being written are removed as well: it is closed before. The names of files stay.
        Raises what `look`, `close_segments` and `Workspace.rewrite` do: each day is as it was, or done.
        """
        close_segments(self._root, self.look().active, lambda: self._watch.advance(0))
        found = self.look()
        self._watch.begin("Removing", sum(segment.path.stat().st_size for segment in found.closed))
        for day, segments in found.days.items():
            self._rewrite(day, segments, now)
            self._workspace.empty(wait=False)
        for paths in all_partitions(self._root):
            blank_letters(paths, self._person)
        return found

    def _rewrite(self, day: str, segments: list[ClosedSegment], now: datetime) -> None:
        def prepare(directory: Path) -> tuple[set[str], list[Removal]]:
            gone: dict[tuple[str, int], Content] = {}
            for segment in segments:
                of_partition = gone.setdefault((segment.topic, segment.partition), Content())
                rows = _kept(rows_of(segment.path), self._person, of_partition)
                write_segment(directory / segment.path.name, rows, segment.path)
                self._watch.advance(segment.path.stat().st_size)
            return {segment.path.name for segment in segments}, _removals(day, gone, now)

        self._workspace.rewrite(day, prepare)
        self._watch.say(f"{day}: rows of one person removed from {len(segments)} segments")

    def _count(self, path: Path) -> int:
        try:
            if not self._person.may_own_rows_of(path):
                return 0
        except DAMAGED as error:
            raise StoreDamagedError(f"{path}: {error}. Restore it.") from error
        return sum(map(self._person.owns, rows_of(path)))

    def _count_tail(self, tail: Tail) -> int:
        with tail.open() as file:
            file.readline()
            try:
                return sum(map(self._person.owns, whole_rows(file)))
            except ValueError as error:
                raise StoreDamagedError(f"{tail.name}: {error}. Restore it.") from error


def _removals(day: str, gone: dict[tuple[str, int], Content], now: datetime) -> list[Removal]:
    return [
        Removal(
            kind="forget",
            topic=topic,
            partition=partition,
            date=day,
            first_offset=content.first_offset or 0,
            last_offset=content.last_offset,
            rows=content.rows,
            removed_at=now,
        )
        for (topic, partition), content in gone.items()
    ]


def _kept(rows: Iterable[bytes], person: Person, gone: Content) -> Iterator[bytes]:
    for row in rows:
        if person.owns(row):
            gone.add(row)
        else:
            yield row
