"""The rate of the last minute, with times that are passed in."""

from datetime import UTC, datetime, timedelta

from feeder_app.recent_rate import RecentRate

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def seen(*values: int, every: float = 2) -> RecentRate:
    rate = RecentRate()
    for number, value in enumerate(values):
        rate.see(value, START + timedelta(seconds=number * every))
    return rate


def test_a_rate_needs_two_moments() -> None:
    assert RecentRate().per_second() is None
    assert seen(7).per_second() is None
    assert seen(7, 9, every=0).per_second() is None


def test_it_is_the_rise_by_the_seconds() -> None:
    assert seen(0, 10, 30).per_second() == 7.5
    assert seen(5, 5, 5).per_second() == 0


def test_what_is_more_than_a_minute_ago_does_not_count() -> None:
    busy_once = [0, 6000] + [6000] * 31
    assert seen(*busy_once).per_second() == 0


def test_after_a_break_longer_than_a_minute_the_rate_is_that_of_the_break() -> None:
    assert seen(0, 300, every=300).per_second() == 1


def test_a_number_that_falls_is_watched_anew() -> None:
    assert seen(1000, 5).per_second() is None
    assert seen(1000, 5, 25).per_second() == 10
