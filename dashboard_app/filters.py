"""What the reader asked for: the page's query string, checked. Pure, with the time passed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from brokerlytics.timestamps import EARLIEST, LATEST
from dashboard_app.buckets import (
    MINUTE,
    SHORTEST,
    Bucket,
    Interval,
    back,
    floor,
    make_buckets,
    midnight,
    shift_buckets,
)

MAX_BUCKETS: Final = 2000
DEFAULT_RANGE: Final = "24h"
CUSTOM: Final = "custom"
AUTO: Final = "auto"
HOURS: Final = {"1h": 1, "24h": 24}
DAYS: Final = {"7d": 7, "30d": 30, "90d": 90}
RANGES: Final = {
    "1h": "Last hour",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "90d": "90 days",
    CUSTOM: "Custom",
}
INTERVALS: Final = (AUTO, *Interval)
# Up to this length of a range, this interval is chosen by itself; months beyond.
_AUTOMATIC: Final = (
    (timedelta(hours=3), Interval.MINUTE),
    (timedelta(days=3), Interval.HOUR),
    (timedelta(days=100), Interval.DAY),
    (timedelta(days=731), Interval.WEEK),
)


class FilterError(Exception):
    """The query string asks for what cannot be shown; says what was wrong and what to do."""


@dataclass(frozen=True, slots=True)
class DateRange:
    """The moments of [start, end), UTC, in whole minutes."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """One page's range, its buckets, and the same for the period before it when it is compared with that.

    The period before ends where the present would lie in it: half a day is held against half a day.
    `name` and `choice` are the range and the interval as chosen; `interval` is what came of the choice.
    """

    name: str
    range: DateRange
    choice: str
    interval: Interval
    buckets: tuple[Bucket, ...]
    previous: DateRange | None
    previous_buckets: tuple[Bucket, ...]


def parse_filters(query: Mapping[str, str], *, now: datetime, tz: ZoneInfo) -> Filters:
    """Read `range`, `from`, `to`, `interval` and `compare` from the query string.

    Times without an offset are in `tz`. Raises FilterError.
    """
    name = query.get("range") or (CUSTOM if query.get("from") or query.get("to") else DEFAULT_RANGE)
    if name not in RANGES:
        raise FilterError(f"The range “{name}” is not known. Choose one of {', '.join(RANGES)}.")
    present = floor(now, Interval.MINUTE, tz) + MINUTE
    asked, days = _range(name, query, present, tz)
    choice = query.get("interval") or AUTO
    interval = _interval(choice, asked)
    buckets = make_buckets(asked.start, asked.end, interval, now, tz)
    if not query.get("compare") or asked.start >= present:
        return Filters(name, asked, choice, interval, tuple(buckets), None, ())
    step_back = _step_back(asked, days, tz)
    previous = DateRange(step_back(asked.start), step_back(min(asked.end, present)))
    # An hour that the clocks skip has no counterpart on the calendar.
    by_the_clock = interval in (Interval.MINUTE, Interval.HOUR)
    move = (lambda moment: previous.start + (moment - asked.start)) if by_the_clock else step_back
    moved = shift_buckets(buckets, move, previous.end)
    return Filters(name, asked, choice, interval, tuple(buckets), previous, tuple(moved))


def _range(name: str, query: Mapping[str, str], present: datetime, tz: ZoneInfo) -> tuple[DateRange, int | None]:
    """The range, and its length in calendar days where it is one of whole days."""
    if hours := HOURS.get(name):
        step = Interval.MINUTE if hours == 1 else Interval.HOUR
        first = floor(present - MINUTE, step, tz) + SHORTEST[step]
        return DateRange(first - timedelta(hours=hours), present), None
    if days := DAYS.get(name):
        return DateRange(midnight(back(present - MINUTE, days - 1, tz).astimezone(tz), tz), present), days
    start, end = _moment("from", query, tz), _moment("to", query, tz)
    if start >= end:
        raise FilterError("The range ends before it starts. Choose an end that is later than the start.")
    first_day, last_day = start.astimezone(tz), end.astimezone(tz)
    whole_days = midnight(first_day, tz) == start and midnight(last_day, tz) == end
    return DateRange(start, end), (last_day.date() - first_day.date()).days if whole_days else None


def _moment(name: str, query: Mapping[str, str], tz: ZoneInfo) -> datetime:
    text = query.get(name, "")
    example = "such as 2026-08-22T09:30"
    if not text:
        raise FilterError(f"A custom range needs “from” and “to”; “{name}” is missing. Give a date and time {example}.")
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=tz) if moment.tzinfo is None else moment
        moment = floor(moment.astimezone(UTC), Interval.MINUTE, tz)
    except (ValueError, OverflowError) as error:
        raise FilterError(f"“{text}” is no date and time. Give one {example}.") from error
    if not EARLIEST <= moment <= LATEST:
        raise FilterError(f"“{text}” is not between the years 1970 and 2099.")
    return moment


def _interval(choice: str, asked: DateRange) -> Interval:
    length = asked.end - asked.start
    if choice == AUTO:
        return next((interval for limit, interval in _AUTOMATIC if length <= limit), Interval.MONTH)
    if choice not in INTERVALS:
        raise FilterError(f"The interval “{choice}” is not known. Choose one of {', '.join(INTERVALS)}.")
    interval = Interval(choice)
    if length / SHORTEST[interval] > MAX_BUCKETS:
        count = int(length / SHORTEST[interval])
        message = f"This range has {count:,} {interval}s; at most {MAX_BUCKETS:,} steps are drawn."
        raise FilterError(f"{message} Choose a longer interval or a shorter range.")
    return interval


def _step_back(asked: DateRange, days: int | None, tz: ZoneInfo) -> Callable[[datetime], datetime]:
    """From a moment to the same one of the period before. Whole days move by the calendar: midnights stay midnights."""
    length = asked.end - asked.start
    return lambda moment: moment - length if days is None else back(moment, days, tz)
