"""Buckets of time in the project's timezone: whole minutes, hours, days, weeks (from Monday) and months.

Pure: moments are aware datetimes, edges come back in UTC, and a bucket is half-open, [start, end).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo


class Interval(StrEnum):
    """The length of a bucket."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


# The shortest that one bucket of an interval can be, but for a change of the clocks.
SHORTEST: Final = {
    Interval.MINUTE: timedelta(minutes=1),
    Interval.HOUR: timedelta(hours=1),
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(days=7),
    Interval.MONTH: timedelta(days=28),
}
MINUTE: Final = SHORTEST[Interval.MINUTE]


@dataclass(frozen=True, slots=True)
class Bucket:
    """The events of [start, end). It is not `whole` when the range or the present cuts it short."""

    start: datetime
    end: datetime
    whole: bool


def floor(moment: datetime, interval: Interval, tz: ZoneInfo) -> datetime:
    """The start of the bucket that `moment` lies in."""
    local = moment.astimezone(tz)
    match interval:
        case Interval.MINUTE:
            since = timedelta(seconds=local.second, microseconds=local.microsecond)
            return moment.astimezone(UTC) - since
        case Interval.HOUR:
            since = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
            return moment.astimezone(UTC) - since
        case Interval.DAY:
            return midnight(local, tz)
        case Interval.WEEK:
            return midnight(local - timedelta(days=local.weekday()), tz)
        case Interval.MONTH:
            return midnight(local.replace(day=1), tz)


def following(start: datetime, interval: Interval, tz: ZoneInfo) -> datetime:
    """The end of the bucket that starts at `start`."""
    if interval in (Interval.MINUTE, Interval.HOUR):
        # Floored again: clocks that change by half an hour would leave every later hour crooked.
        end = start + SHORTEST[interval]
        floored = floor(end, interval, tz)
        return floored if floored > start else end
    local = start.astimezone(tz)
    if interval is Interval.MONTH:
        return midnight((local.replace(day=1) + timedelta(days=32)).replace(day=1), tz)
    return midnight(local + SHORTEST[interval], tz)


def midnight(local: datetime, tz: ZoneInfo) -> datetime:
    """The first moment of `local`'s calendar day in `tz`, also where the clocks skip or repeat midnight."""
    return datetime(local.year, local.month, local.day, tzinfo=tz).astimezone(UTC)


def back(moment: datetime, days: int, tz: ZoneInfo) -> datetime:
    """The same time of day, `days` calendar days earlier."""
    return (moment.astimezone(tz) - timedelta(days=days)).astimezone(UTC)


def make_buckets(start: datetime, end: datetime, interval: Interval, now: datetime, tz: ZoneInfo) -> list[Bucket]:
    """The buckets that cover [start, end) without a gap; the first and the last are cut to it."""
    buckets = []
    natural_start = floor(start, interval, tz)
    while natural_start < end:
        natural_end = following(natural_start, interval, tz)
        whole = start <= natural_start and natural_end <= min(end, now)
        buckets.append(Bucket(max(start, natural_start), min(end, natural_end), whole))
        natural_start = natural_end
    return buckets


def shift_buckets(buckets: list[Bucket], shift: Callable[[datetime], datetime], end: datetime) -> list[Bucket]:
    """The same buckets moved by `shift` and cut at `end`; those that lie beyond are empty, start = end."""
    moved = [(shift(bucket.start), shift(bucket.end), bucket.whole) for bucket in buckets]
    return [Bucket(min(start, end), min(stop, end), whole and stop <= end) for start, stop, whole in moved]
