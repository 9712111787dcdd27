"""Makes stores of some days with the product's own writer, for the tests of maintenance."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from feeder_app.maintenance.forgetting import Forgetting, Found
from feeder_app.maintenance.maintain import maintain
from feeder_app.maintenance.person import Person
from feeder_app.maintenance.plan import MaintenancePolicy
from feeder_app.maintenance.watching import JobWatch
from feeder_app.maintenance.workspace import Workspace
from feeder_app.policies import FeederPolicy
from feeder_app.records import Record
from feeder_app.recovery import open_partition
from tests.feeder.support import columns, paths, record

FIRST_DAY = datetime(2026, 8, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = FIRST_DAY + 10 * DAY
QUICK = MaintenancePolicy(grace=timedelta(0))


def event(offset: int, day: int, partition: int = 0, **fields: Any) -> Record:
    """A record of the day with that number, by device d0 to d6 unless `fields` say otherwise."""
    text = {"event_type": "VIEW", "device_id": f"d{offset % 7}", "properties": {"text": 'a,"b"\r\nc'}} | fields
    return record(offset, value=json.dumps(text).encode(), at=FIRST_DAY + day * DAY, partition=partition)


def make_day(root: Path, segments: list[list[Record]], *, close: bool = True) -> None:
    """Write each list of records of one partition into a segment of its own; without `close` the last stays active."""
    writer = open_partition(paths(root, segments[0][0].partition), FeederPolicy(), FIRST_DAY)
    for number, records in enumerate(segments, start=1):
        writer.append(columns(records))
        writer.commit(FIRST_DAY)
        if close or number < len(segments):
            writer.close_segment(FIRST_DAY)
    writer.release()


def make_store(root: Path, days: int = 3, partitions: int = 2, segments: int = 4, rows: int = 5) -> int:
    """Some days, each with some small segments in each partition; returns how many rows there are."""
    for partition in range(partitions):
        offset = 0
        for day in range(days):
            found = []
            for _ in range(segments):
                found.append([event(offset + n, day, partition) for n in range(rows)])
                offset += rows
            make_day(root, found)
    return days * partitions * segments * rows


def run_maintenance(root: Path, policy: MaintenancePolicy = QUICK, now: datetime = LATER) -> str:
    """Run it once; returns what it said."""
    said = io.StringIO()
    with JobWatch(lambda: False, Console(file=said)) as watch, Workspace(root, policy.grace, now) as workspace:
        maintain(workspace, policy, watch, now)
    return said.getvalue()


def run_forget(
    root: Path, *, users: Sequence[str] = (), devices: Sequence[str] = (), source: str | None = None
) -> Found:
    """Forget the person with these ids; returns what was removed."""
    person, quiet = Person(frozenset(users), frozenset(devices), source), Console(file=io.StringIO())
    with JobWatch(lambda: False, quiet) as watch, Workspace(root, QUICK.grace, LATER) as workspace:
        return Forgetting(workspace, person, watch).remove(LATER)
