from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dashboard_app.presenting.formats import ago, bucket_label, bucket_title, change, exact, money, share, short
from dashboard_app.question.buckets import Bucket, Interval

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (12_345, "12.3k"),
        (999_949, "999.9k"),
        (999_950, "1M"),
        (1_250_000, "1.2M"),
        (3_000_000_000, "3B"),
        (-12_345, "-12.3k"),
        (Decimal("9.5"), "9.50"),
        (Decimal("999.999"), "999.999"),
        (Decimal("1234.5"), "1.2k"),
    ],
)
def test_numbers_are_short(number: int | Decimal, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1234567.800000", "1,234,567.80"), ("0.000001", "0.000001"), ("-3", "-3.00"), ("1E+12", "1,000,000,000,000.00")],
)
def test_money_is_exact(amount: str, text: str) -> None:
    assert exact(Decimal(amount)) == text
    assert money(Decimal(amount), "EUR") == f"{text} EUR"
    assert money(Decimal(amount), None) == f"{text} no currency"


@pytest.mark.parametrize(
    ("current", "previous", "text"),
    [
        (112, 100, "+12%"),
        (95, 100, "\N{MINUS SIGN}5%"),
        (100, 100, "±0%"),
        (3, 0, "new"),
        (0, 0, ""),
        (0, 5, "\N{MINUS SIGN}100%"),
        (999, 100, "+899%"),
        (1000, 100, "10\N{MULTIPLICATION SIGN}"),
        (5000, 1, "5,000\N{MULTIPLICATION SIGN}"),
        (5, -1, "\N{MINUS SIGN}600%"),
    ],
)
def test_a_change_is_in_percent(current: int, previous: int, text: str) -> None:
    assert change(current, previous) == text


def test_a_share_of_nothing_is_zero() -> None:
    assert (share(1, 8), share(0, 0)) == ("12.5%", "0.0%")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (172800, "2 d ago"),
        (-0.9, "0 s ago"),
        (-90, "in 1 min"),
    ],
)
def test_times_are_relative(seconds: float, text: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    ("interval", "label", "title"),
    [
        (Interval.MINUTE, "23 Nov 13:00", "Mon 23 Nov 2026, 13:00"),
        (Interval.HOUR, "23 Nov 13:00", "Mon 23 Nov 2026, 13:00 to 14:00"),
        (Interval.DAY, "23 Nov", "Mon 23 Nov 2026"),
        (Interval.WEEK, "23 Nov", "Week of Mon 23 Nov 2026"),
        (Interval.MONTH, "Nov 2026", "November 2026"),
    ],
)
def test_a_bucket_is_named_in_the_projects_timezone(interval: Interval, label: str, title: str) -> None:
    bucket = Bucket(NOW, NOW + timedelta(hours=1), whole=True)
    assert bucket_label(bucket, interval, BERLIN, one_day=False) == label
    assert bucket_title(bucket, interval, BERLIN) == title
    assert bucket_title(Bucket(NOW, bucket.end, whole=False), interval, BERLIN) == f"{title} (incomplete)"


def test_an_hour_that_the_clocks_show_twice_has_its_zone() -> None:
    start = datetime(2026, 10, 24, 23, tzinfo=UTC)
    hours = [Bucket(start + timedelta(hours=n), start + timedelta(hours=n + 1), whole=True) for n in range(4)]
    assert [bucket_title(bucket, Interval.HOUR, BERLIN).removeprefix("Sun 25 Oct 2026, ") for bucket in hours] == [
        *("01:00 to 02:00 CEST", "02:00 CEST to 02:00 CET", "02:00 CET to 03:00", "03:00 to 04:00"),
    ]
    minutes = Bucket(start + timedelta(minutes=150), start + timedelta(minutes=151), whole=True)
    assert bucket_title(minutes, Interval.MINUTE, BERLIN) == "Sun 25 Oct 2026, 02:30 CET"
