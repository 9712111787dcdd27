"""Rolling a day's rows up, column by column, so that no more than three of them are in memory."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from dashboard_app.rollup.layout import (
    ANY,
    EVERY_ROW,
    GROUP,
    QUARTER,
    ROLLED_UP,
    SLOTS,
    SPANS,
    Groups,
    Members,
    RollupWriter,
    starts_of_runs,
)
from dashboard_app.rollup.numbered import Column

_MINUTE_US: Final = 60_000_000


def write_rollup(column: Column, target: Path) -> None:
    """Count a day's rows. Raises duckdb.Error and OSError."""
    (moments, sources) = (column(name) for name in ("moment", "number_source"))
    quarters = moments // _MINUTE_US // QUARTER * QUARTER
    order = np.lexsort((quarters, sources))
    quarters, sources = quarters[order], sources[order]
    devices = column("device")[order]
    writer = RollupWriter(target)
    for name in ROLLED_UP:
        numbers = column(f"number_{name}")[order]
        slots = quarters // SLOTS[name] * SLOTS[name]
        writer.add(*_grouped(numbers, sources, slots, devices))
    every = np.full(len(order), ANY, np.uint32)
    spans, places = np.unique(column("span")[order], return_inverse=True)
    writer.add(*_grouped(every, sources, quarters // SLOTS[EVERY_ROW] * SLOTS[EVERY_ROW], devices))
    # A member 0 is none, so places count from 1 until they are written.
    groups, members = _grouped(every, sources, quarters // SLOTS[SPANS] * SLOTS[SPANS], places.astype(np.uint32) + 1)
    writer.add(groups, members - 1)
    first, last = (int(quarters.min()), int(quarters.max())) if len(order) else (0, 0)
    writer.finish(first, last, spans)


def _grouped(
    values: npt.NDArray[np.uint32],
    sources: npt.NDArray[np.uint32],
    slots: npt.NDArray[np.int64],
    members: npt.NDArray[np.uint32],
) -> tuple[Groups, Members]:
    """The groups of the rows that have a value, and the different members of each; rows come by source and slot."""
    chosen = np.flatnonzero(values)
    # Short numbers are sorted by radix, in a tenth of the time.
    keys = values[chosen].astype(np.uint16) if values.max(initial=0) < 2**16 else values[chosen]
    order = chosen[np.argsort(keys, kind="stable")]
    values, sources, slots = values[order], sources[order], slots[order]
    first = starts_of_runs(values, sources, slots)
    groups = np.zeros(len(first), GROUP)
    groups["value"], groups["source"], groups["slot"] = values[first], sources[first], slots[first]
    groups["events"] = np.diff(first, append=len(order))
    number = np.repeat(np.arange(len(first), dtype=np.uint64), groups["events"].astype(np.int64))
    pairs = np.sort(number << 32 | members[order])
    pairs = pairs[starts_of_runs(pairs)]
    pairs = pairs[(pairs & 0xFFFFFFFF) != 0]
    members_of = np.bincount((pairs >> 32).astype(np.int64), minlength=len(first))
    groups["members"], groups["begin"] = members_of, np.cumsum(members_of) - members_of
    return groups, (pairs & 0xFFFFFFFF).astype(np.uint32)
