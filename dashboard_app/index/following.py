"""Keeping the index up to date beside a feeder: how often, and what a failure means."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from dashboard_app.index.builder import IndexBuilder
from dashboard_app.reading.committed import UnreadableStoreError, looking_again

logger = logging.getLogger(__name__)

# Who has just read the manifest still finds the files of the generation before.
GRACE: Final = timedelta(seconds=5)
_REST: Final = 4
# What readers can still parse from CSV without being slow: some 600,000 rows.
MUCH: Final = 256 * 1024**2


def bring_up_to_date(builder: IndexBuilder, stopped: Callable[[], bool]) -> int:
    """Build generations until nothing is left to take in, or until `stopped`; returns how many.

    What a generation replaced is removed by the sweep before the next one. A day that is rewritten meanwhile is tried
    again. Raises OSError: FileNotFoundError when that does not end; UnreadableStoreError.
    """
    built = 0
    while not stopped() and looking_again(partial(_build_one, builder)):
        built += 1
    return built


def _build_one(builder: IndexBuilder) -> bool:
    """Whether there was something to take in."""
    plan = builder.plan()
    if plan.is_needed:
        builder.sweep()
        builder.build(plan)
    return plan.is_needed


def follow(builder: IndexBuilder, wait: Callable[[float], bool], clock: Callable[[], float] = time.monotonic) -> None:
    """Build whenever segments were closed, rewritten or removed, until `wait(seconds)` is true.

    After a build it rests four times as long as that took, so that a fifth of the time is spent on the index however
    large the store is; but not while MUCH waits, for then the feeder closes segments faster than that takes them in.
    What cannot be read is logged, and tried again: dashboards read those segments from their CSV.
    """
    rested_at = clock()
    while not wait(GRACE.total_seconds()):
        began = clock()
        try:
            builder.sweep()
            plan = builder.plan()
            if not plan.is_needed or (began < rested_at and plan.size + plan.left < MUCH):
                continue
            builder.build(plan)
        except FileNotFoundError:
            logger.info("A day was rewritten while the index was built: it is tried again")
        except (OSError, UnreadableStoreError) as error:
            logger.error("The index is not up to date: %s", error)
        rested_at = clock() + _REST * (clock() - began)
