"""What the reader asked for: the page's query string, checked. Pure, with the time passed in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.datastructures import MultiValueDict

from brokerlytics.timestamps import EARLIEST, LATEST
from dashboard_app.question.buckets import (
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
from dashboard_app.question.conditions import MAX_CONDITIONS, Condition, Where, parse_condition, where_all
from dashboard_app.question.errors import FilterError

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
_Move = Callable[[datetime], datetime]


@dataclass(frozen=True, slots=True)
class DateRange:
    """The moments of [start, end), UTC, in whole minutes."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """One page's range, its buckets, the same for the period before it, and which rows.

    The period before ends where the present would lie in it: half a day is held against half a day. A range that has
    not begun has none. It is `previous` too where everything is to be held against it, which is to `compare`.
    `name` and `choice` are the range and the interval as chosen; `interval` is what came of the choice.
    `begun` counts the buckets that have begun; all times are UTC and shown in `tz`.
    """

    name: str
    range: DateRange
    choice: str
    interval: Interval
    buckets: tuple[Bucket, ...]
    begun: int
    before: DateRange | None
    before_buckets: tuple[Bucket, ...]
    compare: bool
    tz: ZoneInfo
    source: str = ""
    conditions: tuple[Condition, ...] = ()

    @property
    def previous(self) -> DateRange | None:
        return self.before if self.compare else None

    @property
    def previous_buckets(self) -> tuple[Bucket, ...]:
        return self.before_buckets if self.compare else ()

    @property
    def where(self) -> Where:
        """The rows of the range that the filters let through."""
        return self.where_in(self.range)

    def where_in(self, date_range: DateRange) -> Where:
        """The same for another range."""
        times = {"start": naive(date_range.start), "end": naive(date_range.end)}
        return Where("created_on >= $start AND created_on < $end", times) & self.matching

    @property
    def passes_all(self) -> bool:
        """Whether every row passes the filters."""
        return not self.source and not self.conditions

    @property
    def matching(self) -> Where:
        """The rows that the filters let through, of any time."""
        source = Where("source = $source", {"source": self.source}) if self.source else Where("TRUE", {})
        return source & where_all(self.conditions)


def naive(moment: datetime) -> datetime:
    """DuckDB's TIMESTAMP has no timezone; all of ours are UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def parse_filters(query: MultiValueDict[str, str], *, now: datetime, tz: ZoneInfo) -> Filters:
    """Read `range`, `from`, `to`, `interval`, `compare`, `source` and every `filter` from the query string.

    Times without an offset are in `tz`. Raises FilterError.
    """
    name = query.get("range") or (CUSTOM if query.get("from") or query.get("to") else DEFAULT_RANGE)
    if name not in RANGES:
        raise FilterError(f"The range “{name}” is not known. Choose one of {', '.join(RANGES)}.", "range")
    present = floor(now, Interval.MINUTE, tz) + MINUTE
    asked, days = _range(name, query, present, tz)
    choice = query.get("interval") or AUTO
    interval = _interval(choice, asked)
    buckets = make_buckets(asked.start, asked.end, interval, now, tz)
    before, before_buckets = _before(asked, _step_back(asked, days, tz), buckets, interval, present)
    return Filters(
        name=name,
        range=asked,
        choice=choice,
        interval=interval,
        buckets=tuple(buckets),
        begun=sum(bucket.start < present for bucket in buckets),
        before=before,
        before_buckets=before_buckets,
        compare=bool(query.get("compare")),
        tz=tz,
        source=query.get("source") or "",
        conditions=_conditions(query.getlist("filter")),
    )


def _conditions(texts: list[str]) -> tuple[Condition, ...]:
    chosen = dict.fromkeys(text for text in texts if text)
    if len(chosen) > MAX_CONDITIONS:
        raise FilterError(f"At most {MAX_CONDITIONS} filters at once; these are {len(chosen)}.", "filter")
    return tuple(_condition(text) for text in chosen)


def _condition(text: str) -> Condition:
    try:
        return parse_condition(text)
    except FilterError as error:
        raise FilterError(str(error), error.parameter, text) from None


def _before(
    asked: DateRange, step_back: _Move, buckets: list[Bucket], interval: Interval, present: datetime
) -> tuple[DateRange | None, tuple[Bucket, ...]]:
    """The period before and its buckets; none of a range that has not begun."""
    if asked.start >= present:
        return None, ()
    before = DateRange(step_back(asked.start), step_back(min(asked.end, present)))
    # An hour that the clocks skip has no counterpart on the calendar.
    by_the_clock = interval in (Interval.MINUTE, Interval.HOUR)
    move = (lambda moment: before.start + (moment - asked.start)) if by_the_clock else step_back
    return before, tuple(shift_buckets(buckets, move, before.end))


def _range(name: str, query: MultiValueDict[str, str], present: datetime, tz: ZoneInfo) -> tuple[DateRange, int | None]:
    """The range, and its length in calendar days where it is one of whole days."""
    if hours := HOURS.get(name):
        step = Interval.MINUTE if hours == 1 else Interval.HOUR
        first = floor(present - MINUTE, step, tz) + SHORTEST[step]
        return DateRange(first - timedelta(hours=hours), present), None
    if days := DAYS.get(name):
        return DateRange(midnight(back(present - MINUTE, days - 1, tz).astimezone(tz), tz), present), days
    start, end = _moment("from", query, tz), _moment("to", query, tz)
    if start >= end:
        raise FilterError("The range ends before it starts. Choose an end that is later than the start.", "to")
    first_day, last_day = start.astimezone(tz), end.astimezone(tz)
    whole_days = midnight(first_day, tz) == start and midnight(last_day, tz) == end
    return DateRange(start, end), (last_day.date() - first_day.date()).days if whole_days else None


def _moment(name: str, query: MultiValueDict[str, str], tz: ZoneInfo) -> datetime:
    text = query.get(name, "")
    example = "such as 2026-08-22T09:30"
    if not text:
        message = f"A custom range needs “from” and “to”; “{name}” is missing. Give a date and time {example}."
        raise FilterError(message, name)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=tz) if moment.tzinfo is None else moment
        moment = floor(moment.astimezone(UTC), Interval.MINUTE, tz)
    except (ValueError, OverflowError) as error:
        raise FilterError(f"“{text}” is no date and time. Give one {example}.", name) from error
    if not EARLIEST <= moment <= LATEST:
        raise FilterError(f"“{text}” is not between the years 1970 and 2099, in UTC.", name)
    return moment


def _interval(choice: str, asked: DateRange) -> Interval:
    length = asked.end - asked.start
    if choice == AUTO:
        return next((interval for limit, interval in _AUTOMATIC if length <= limit), Interval.MONTH)
    if choice not in INTERVALS:
        raise FilterError(f"The interval “{choice}” is not known. Choose one of {', '.join(INTERVALS)}.", "interval")
    interval = Interval(choice)
    if length / SHORTEST[interval] > MAX_BUCKETS:
        count = int(length / SHORTEST[interval])
        message = f"This range has {count:,} {interval}s; at most {MAX_BUCKETS:,} steps are drawn."
        raise FilterError(f"{message} Choose a longer interval or a shorter range.", "interval")
    return interval


def _step_back(asked: DateRange, days: int | None, tz: ZoneInfo) -> _Move:
    """From a moment to the same one of the period before. Whole days move by the calendar: midnights stay midnights."""
    length = asked.end - asked.start
    return lambda moment: moment - length if days is None else back(moment, days, tz)
