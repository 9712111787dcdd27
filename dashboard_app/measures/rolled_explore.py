"""What Explore measures, as far as rollups have it: events and devices, and events by a column that is rolled up."""

from collections.abc import Sequence
from typing import Any, Final

from dashboard_app.measures.rolled_breakdowns import commonest
from dashboard_app.measures.rolled_periods import count_devices
from dashboard_app.rollup.layout import ANY, EVERY_ROW, ROLLED_UP, SLOTS, Numbers
from dashboard_app.rollup.rolled import Division

EVENT_TYPE: Final = "event_type"


def is_rolled_up(event: str, measure: str, by: str) -> bool:
    """Whether rollups have it; `event` is empty for all events, `by` without a breakdown."""
    if by:
        return measure == "events" and not event and by in ROLLED_UP
    return measure in ("events", "devices")


def goes_into_slots(division: Division, by: str) -> bool:
    """Whether the buckets are made of slots that the rollup of a column has; without one, of all that there are."""
    return not by or SLOTS[by] <= division.cover.step


def top_values(division: Division, by: str, count: int) -> list[str | None]:
    """The commonest values, by events, then by name; None for rows without one. Raises duckdb.Error and OSError."""
    values, total = commonest(division, by)
    found: list[tuple[str | None, int]] = list(values)
    if missing := int(division.events().sum()) - total:
        found.append((None, missing))
    found.sort(key=lambda one: (-one[1], one[0] is None, one[0] or ""))
    return [value for value, _ in found[:count]]


def rolled_events(division: Division, event: str) -> Numbers:
    """The events of each bucket in what the rollups cover. Raises duckdb.Error and OSError."""
    part, value = _group(division, event)
    named, _ = division.covered.events_by_bucket(part, (value,))
    events: Numbers = named[0]
    return events


def rolled_events_of(division: Division, by: str, names: Sequence[str]) -> tuple[Numbers, Numbers, Numbers]:
    """The same of all events by a column: a row for each of the names, of all other values, and without a value.

    Raises duckdb.Error and OSError.
    """
    known = division.rolled.numbers(by, names)
    named, others = division.covered.events_by_bucket(by, [known.get(name, 0) for name in names])
    return named, others, rolled_events(division, "") - named.sum(axis=0) - others


def measure_rolled_devices(division: Division, event: str) -> dict[int | None, Any]:
    """How many devices had the event in each bucket, and in all, for None. Raises duckdb.Error and OSError."""
    by_bucket, total = count_devices(division, *_group(division, event), event)
    return {None: total, **dict(enumerate(by_bucket))}


def _group(division: Division, event: str) -> tuple[str, int]:
    """The part and the value of the groups that an event's rows are in."""
    if not event:
        return EVERY_ROW, ANY
    return EVENT_TYPE, division.rolled.numbers(EVENT_TYPE, [event]).get(event, 0)
