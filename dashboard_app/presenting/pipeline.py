"""What the template of the pipeline writes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from brokerlytics.heartbeat import Heartbeat
from brokerlytics.intake_counts import ACCEPTED
from brokerlytics.partition_overview import PartitionRow
from brokerlytics.store_size import StoreSize
from dashboard_app.measures.pipeline import Pipeline
from dashboard_app.presenting.formats import exact, share, size
from dashboard_app.presenting.values import Card, Figure, Moment, make_figure, make_moment
from dashboard_app.report import Context

_UNKNOWN: Final = Figure("-", "No feeder says so now")


@dataclass(frozen=True, slots=True)
class PartitionCells:
    """A row of the table of partitions."""

    number: int
    state: str
    is_good: bool
    title: str
    lag: Figure
    arriving: Figure
    storing: Figure
    next_offset: str
    rows: str
    dead_letters: str
    lost: str
    committed: Moment | None
    feeder: str


@dataclass(frozen=True, slots=True)
class FeederRow:
    """A feeder that lives."""

    name: str
    where: str
    partitions: int
    rows: str
    duplicates: str
    beat: Moment
    started: Moment


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of events that were sent: `code` is `accepted` or why not."""

    code: str
    is_accepted: bool
    events: Figure
    share: str
    width: str


def headline(result: Pipeline) -> list[Card]:
    """The headline numbers."""
    total = sum(one.bytes for one in result.sizes)
    return [
        Card("Records per second, to the topic", [_number(result.arriving)]),
        Card("Lag, records not stored yet", [_number(result.lag)]),
        Card("Rows stored", [make_figure(result.rows)]),
        Card("Size of the store", [Figure(size(total), f"{exact(total)} bytes")]),
    ]


def partition_cells(row: PartitionRow, context: Context) -> PartitionCells:
    """One partition; `title` says what is damaged, or who holds its lock."""
    status, checkpoint = row.status, row.checkpoint
    return PartitionCells(
        number=row.partition,
        state=row.state,
        is_good=row.is_good,
        title=row.damage or row.holder,
        lag=_number(status.lag if status else None),
        arriving=_number(status.arriving if status else None),
        storing=_number(status.storing if status else None),
        next_offset=exact(checkpoint.next_offset),
        rows=exact(checkpoint.rows),
        dead_letters=exact(checkpoint.dead_letters),
        lost=exact(sum(gap.end - gap.start for gap in checkpoint.gaps)),
        committed=_moment(checkpoint.committed_at, context),
        feeder=row.feeder.feeder if row.feeder else "",
    )


def feeder_rows(feeders: Sequence[Heartbeat], context: Context) -> list[FeederRow]:
    """The feeders that live, by their names."""
    return [
        FeederRow(
            one.feeder,
            f"process {one.pid} on {one.host}",
            len(one.partitions),
            exact(one.rows),
            exact(one.duplicates),
            make_moment(one.beat_at, context.now, context.tz),
            make_moment(one.started_at, context.now, context.tz),
        )
        for one in feeders
    ]


def size_rows(sizes: Sequence[StoreSize]) -> list[tuple[str, str, Figure, str]]:
    """Kind, files, bytes and days of each kind of file."""
    return [
        (
            one.kind,
            exact(one.files),
            Figure(size(one.bytes), f"{exact(one.bytes)} bytes"),
            one.first_day if one.first_day == one.last_day else f"{one.first_day} to {one.last_day}",
        )
        for one in sizes
    ]


def outcome_rows(result: Pipeline) -> list[OutcomeRow]:
    """The outcomes of the range; the bars compare the rejections, of which there are few."""
    total = sum(result.outcomes.values())
    most = max((events for code, events in result.outcomes.items() if code != ACCEPTED), default=0)
    return [
        OutcomeRow(
            code,
            code == ACCEPTED,
            make_figure(events),
            share(events, total),
            "0" if code == ACCEPTED or not most else f"{100 * events / most:.1f}",
        )
        for code, events in result.outcomes.items()
    ]


def _number(number: int | float | None) -> Figure:
    return _UNKNOWN if number is None else make_figure(number)


def _moment(moment: datetime | None, context: Context) -> Moment | None:
    return make_moment(moment, context.now, context.tz) if moment else None
