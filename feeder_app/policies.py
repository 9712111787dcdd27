"""When to commit, when to close a segment, how many dead letters are too many: pure functions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from brokerlytics.checkpoint import ActiveSegment, PoisonCount
from brokerlytics.csv_format import CSV_VERSION
from feeder_app.start_at import StartAt

POISON_WINDOW: Final = 10_000
POISON_WINDOW_MINIMUM: Final = 1_000


@dataclass(frozen=True, slots=True)
class FeederPolicy:
    """What an operator can set.

    A commit is due `flush_interval` after the last one or at `flush_bytes` of buffered rows; a
    segment is closed at `roll_bytes` or at `roll_age`. More than `poison_run` bad records in a row,
    or a share above `poison_share` of the last ones, stop the feeder; None for both lets all pass.
    Event ids are remembered for `seen_block` to twice as many offsets of a partition (seen_ids.py).
    A partition that the store has nothing of begins at `start_at`.
    """

    flush_interval: timedelta = timedelta(seconds=0.5)
    flush_bytes: int = 2 * 1024 * 1024
    roll_bytes: int = 64 * 1024 * 1024
    roll_age: timedelta = timedelta(minutes=10)
    poison_run: int | None = 1_000
    poison_share: float | None = 0.5
    seen_block: int = 250_000
    start_at: StartAt = field(default_factory=StartAt)


def is_due(now: datetime, at: datetime, interval: timedelta) -> bool:
    """Whether `at` has come, which was `interval` away. A clock that was set back is not waited for."""
    return not at - interval <= now < at


def commit_due(policy: FeederPolicy, now: datetime, last_commit: datetime, buffered_bytes: int) -> bool:
    """By size or by time."""
    return buffered_bytes >= policy.flush_bytes or is_due(
        now, last_commit + policy.flush_interval, policy.flush_interval
    )


def close_due(policy: FeederPolicy, now: datetime, active: ActiveSegment) -> bool:
    """By size, by age, or because the file has the columns of another version."""
    return (
        active.committed_bytes >= policy.roll_bytes
        or is_due(now, active.opened_at + policy.roll_age, policy.roll_age)
        or active.csv_version != CSV_VERSION
    )


def count_bad(count: PoisonCount) -> PoisonCount:
    """The count after one more bad record; the window starts anew when it is full."""
    if count.window_seen >= POISON_WINDOW:
        count = PoisonCount(run=count.run)
    return PoisonCount(run=count.run + 1, window_bad=count.window_bad + 1, window_seen=count.window_seen + 1)


def count_good(count: PoisonCount, records: int) -> PoisonCount:
    """The count after so many good ones, at least one, which end the run of bad ones."""
    seen = count.window_seen + records
    if seen <= POISON_WINDOW:
        return PoisonCount(window_bad=count.window_bad, window_seen=seen)
    return PoisonCount(window_seen=(seen - 1) % POISON_WINDOW + 1)


def poison_exceeded(policy: FeederPolicy, count: PoisonCount) -> bool:
    """Whether `count` is beyond what may go to the dead letters unseen."""
    if policy.poison_run is not None and count.run > policy.poison_run:
        return True
    enough = count.window_seen >= POISON_WINDOW_MINIMUM
    return policy.poison_share is not None and enough and count.window_bad / count.window_seen > policy.poison_share
