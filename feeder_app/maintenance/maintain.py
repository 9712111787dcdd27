"""Merging, compressing and removing what is in closed days."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

from brokerlytics.removals import Removal
from brokerlytics.store import ClosedSegment
from brokerlytics.store_size import size_of
from feeder_app.errors import FeederError, StoreDamagedError
from feeder_app.maintenance.days import closed_days, expired_days, read_state
from feeder_app.maintenance.plan import MaintenancePolicy, Rewrite, plan_rewrites
from feeder_app.maintenance.rewriting import chained, content_of, write_segment
from feeder_app.maintenance.watching import JobWatch
from feeder_app.maintenance.workspace import DayChangedError, Workspace


class DaysLeftError(FeederError):
    """Some days could not be worked on; the others were. What was wrong was said for each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: days to remove with their segments, and files to rewrite in others."""

    expired: dict[str, list[ClosedSegment]]
    rewrites: dict[str, list[Rewrite]]

    def lines(self) -> list[str]:
        """For people: one line a day."""
        removed = [f"{day}: remove {len(segments)} segments" for day, segments in self.expired.items()]
        return removed + [f"{day}: {_describe(rewrites)}" for day, rewrites in self.rewrites.items()]


def make_plan(root: Path, policy: MaintenancePolicy, now: datetime) -> Plan:
    """Raises CorruptCheckpointError; OSError."""
    state = read_state(root)
    days = closed_days(state, now)
    expired = {day: days.pop(day) for day in expired_days(days, now, policy.keep_days)}
    plain = (segment.path for segment in state.segments if segment.path.suffix == ".csv")
    # A dry run may look while another job replaces files.
    sizes = {path: size for path in plain if (size := size_of(path)) is not None}
    return Plan(expired, plan_rewrites(state.segments, sizes, days, policy))


def maintain(workspace: Workspace, policy: MaintenancePolicy, watch: JobWatch, now: datetime) -> None:
    """Do what is due in all closed days: what makes room first. Days are independent of one another.

    Raises DaysLeftError after all days; ExchangeUnsupportedError, SwapBusyError, JobStoppedError,
    CorruptCheckpointError, OSError at once. The day in hand is then as it was.
    """
    plan = make_plan(workspace.root, policy, now)
    files = [path for segments in plan.expired.values() for path in _paths(segments)]
    files += [path for day in plan.rewrites.values() for rewrite in day for path in _paths(rewrite.sources)]
    watch.begin("Days", sum(path.stat().st_size for path in files))
    left = 0
    for day in (*plan.expired, *plan.rewrites):
        try:
            if segments := plan.expired.get(day):
                _remove(workspace, day, segments, watch, now)
            else:
                _rewrite(workspace, day, plan.rewrites[day], watch)
        except (StoreDamagedError, DayChangedError) as error:
            watch.say(f"{day} is left as it is: {error}")
            left += 1
        workspace.empty(wait=False)
    if left:
        raise DaysLeftError(f"{left} days were left as they are; each was said above.")


def _remove(workspace: Workspace, day: str, segments: list[ClosedSegment], watch: JobWatch, now: datetime) -> None:
    removals = []
    for (topic, partition), group in groupby(segments, lambda segment: (segment.topic, segment.partition)):
        of_partition = list(group)
        rows = 0
        for path in _paths(of_partition):
            rows += content_of(path).rows
            watch.advance(path.stat().st_size)
        removal = Removal(
            kind="retention",
            topic=topic,
            partition=partition,
            date=day,
            first_offset=of_partition[0].first_offset,
            last_offset=max(segment.last_offset for segment in of_partition),
            rows=rows,
            removed_at=now,
        )
        removals.append(removal)
    workspace.remove(day, {path.name for path in _paths(segments)}, removals)
    watch.say(f"{day}: removed, {sum(removal.rows for removal in removals):,} rows in {len(segments)} segments")


def _rewrite(workspace: Workspace, day: str, rewrites: list[Rewrite], watch: JobWatch) -> None:
    def prepare(directory: Path) -> tuple[set[str], list[Removal]]:
        for rewrite in rewrites:
            sources = _paths(rewrite.sources)
            rows = chained(sources, lambda path: watch.advance(path.stat().st_size))
            write_segment(directory / rewrite.name, rows, sources[0])
        return {path.name for rewrite in rewrites for path in _paths(rewrite.sources)}, []

    workspace.rewrite(day, prepare)
    watch.say(f"{day}: {_describe(rewrites)}")


def _describe(rewrites: list[Rewrite]) -> str:
    return f"{sum(len(rewrite.sources) for rewrite in rewrites)} segments become {len(rewrites)}"


def _paths(segments: "list[ClosedSegment] | tuple[ClosedSegment, ...]") -> list[Path]:
    return [segment.path for segment in segments]
