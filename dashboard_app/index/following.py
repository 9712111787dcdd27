"""Keeping the index up to date beside a feeder: how often, and what a failure means."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from dashboard_app.committed import UnreadableStoreError
from dashboard_app.index.builder import IndexBuilder

logger = logging.getLogger(__name__)

# Who has just read the manifest still finds the files of the generation before.
GRACE: Final = timedelta(seconds=5)
_REST: Final = 4


def bring_up_to_date(builder: IndexBuilder, stopped: Callable[[], bool]) -> int:
    """Build generations until nothing is left to take in, or until `stopped`; returns how many.

    What a generation replaced is removed by the sweep before the next one. Raises OSError; UnreadableStoreError.
    """
    built = 0
    while not stopped() and (plan := builder.plan()).is_needed:
        builder.sweep()
        builder.build(plan)
        built += 1
    return built


def follow(builder: IndexBuilder, wait: Callable[[float], bool]) -> None:
    """Build whenever segments were closed, rewritten or removed, until `wait(seconds)` is true.

    After a build it rests four times as long as that took: at most a fifth of a core is spent on the index, however
    large the store. What cannot be read is logged, and tried again: dashboards read those segments from their CSV.
    """
    pause = GRACE.total_seconds()
    while not wait(pause):
        began = time.monotonic()
        try:
            builder.sweep()
            plan = builder.plan()
            if plan.is_needed:
                builder.build(plan)
        except FileNotFoundError:
            logger.info("A day was rewritten while the index was built: it is tried again")
        except (OSError, UnreadableStoreError) as error:
            logger.error("The index is not up to date: %s", error)
        pause = max(GRACE.total_seconds(), _REST * (time.monotonic() - began))
