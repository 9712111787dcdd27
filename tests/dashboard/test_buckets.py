from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.question.buckets import Bucket, Interval, floor, following, make_buckets, shift_buckets

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Beirut", "America/Havana", "Pacific/Apia")
FAR = datetime(2100, 1, 1, tzinfo=UTC)
moments = st.integers(1_100_000_000, 1_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def buckets(start: datetime, end: datetime, interval: Interval, tz: ZoneInfo = BERLIN) -> list[Bucket]:
    return make_buckets(start.astimezone(UTC), end.astimezone(UTC), interval, FAR, tz)


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (11, 23, 24)])
def test_a_day_has_the_hours_that_its_clocks_give_it(month: int, day: int, hours: int) -> None:
    start = datetime(2026, month, day, tzinfo=BERLIN)
    (whole_day,) = buckets(start, datetime(2026, month, day + 1, tzinfo=BERLIN), Interval.DAY)
    assert whole_day.end - whole_day.start == timedelta(hours=hours)
    assert len(buckets(whole_day.start, whole_day.end, Interval.HOUR)) == hours


def test_a_week_begins_on_monday_and_a_month_on_its_first() -> None:
    moment = datetime(2026, 11, 26, 15, 30, tzinfo=BERLIN)
    assert floor(moment, Interval.WEEK, BERLIN) == datetime(2026, 11, 23, tzinfo=BERLIN)
    assert floor(moment, Interval.MONTH, BERLIN) == datetime(2026, 11, 1, tzinfo=BERLIN)
    assert following(floor(moment, Interval.MONTH, BERLIN), Interval.MONTH, BERLIN) == datetime(
        2026, 12, 1, tzinfo=BERLIN
    )


def test_a_midnight_that_the_clocks_skip_begins_at_the_next_moment() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    start = floor(datetime(2026, 3, 29, 12, tzinfo=beirut), Interval.DAY, beirut)
    assert start.astimezone(beirut).hour == 1
    assert (start - timedelta(microseconds=1)).astimezone(beirut).day == 28


def test_a_midnight_that_comes_twice_begins_with_the_first() -> None:
    havana = ZoneInfo("America/Havana")
    start = floor(datetime(2026, 11, 1, 12, tzinfo=havana), Interval.DAY, havana)
    assert start == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_what_the_range_or_the_present_cuts_is_not_whole() -> None:
    start, end = datetime(2026, 11, 23, 10, 30, tzinfo=UTC), datetime(2026, 11, 23, 14, tzinfo=UTC)
    now = datetime(2026, 11, 23, 13, 20, tzinfo=UTC)
    found = make_buckets(start, end, Interval.HOUR, now, ZoneInfo("UTC"))
    assert [bucket.whole for bucket in found] == [False, True, True, False]
    assert (found[0].start, found[-1].end) == (start, end)


def test_moved_buckets_are_cut_at_the_end_and_empty_beyond_it() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    three = make_buckets(start, start + timedelta(hours=3), Interval.HOUR, FAR, ZoneInfo("UTC"))
    back = timedelta(hours=3)
    moved = shift_buckets(three, lambda moment: moment - back, start - timedelta(minutes=90))
    assert [bucket.end - bucket.start for bucket in moved] == [timedelta(hours=1), timedelta(minutes=30), timedelta(0)]
    assert [bucket.whole for bucket in moved] == [True, False, False]


@settings(deadline=None)
@given(
    moments, st.timedeltas(timedelta(minutes=1), timedelta(days=40)), st.sampled_from(Interval), st.sampled_from(ZONES)
)
def test_buckets_cover_a_range_without_gap_or_overlap(
    start: datetime, length: timedelta, interval: Interval, zone: str
) -> None:
    if interval is Interval.MINUTE:
        length = min(length, timedelta(days=1))
    tz = ZoneInfo(zone)
    found = buckets(start, start + length, interval, tz)
    assert (found[0].start, found[-1].end) == (start, start + length)
    assert all(bucket.start < bucket.end for bucket in found)
    assert all(left.end == right.start for left, right in pairwise(found))
    for bucket in found[1:]:
        local = bucket.start.astimezone(tz)
        assert (local.second, local.microsecond) == (0, 0)
        if interval is Interval.HOUR:
            assert local.minute == 0
        elif interval is not Interval.MINUTE:
            assert (bucket.start - timedelta(microseconds=1)).astimezone(tz).date() < local.date()
