"""How numbers, money and times are written on the page. Pure."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from dashboard_app.question.buckets import Bucket, Interval

NO_CURRENCY: Final = "no currency"
_SUFFIXES: Final[tuple[tuple[int, str], ...]] = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
_UNITS: Final[tuple[tuple[int, str], ...]] = ((86400, "d"), (3600, "h"), (60, "min"))


def short(number: int | float | Decimal) -> str:
    """`12.3k` for 12,345; numbers below a thousand as they are, money below a thousand with two places."""
    if isinstance(number, float):
        number = Decimal(repr(number))
    size_of = abs(Decimal(number))
    for size, suffix in _SUFFIXES:
        # What rounds up to the next thousand is written with the next suffix.
        if size_of >= 1000 and size_of >= size * Decimal("0.99995"):
            return f"{Decimal(number) / size:.1f}".removesuffix(".0") + suffix
    return exact(number)


def exact(number: int | float | Decimal) -> str:
    """Every digit: `12,345`; decimals with two places, more where the number has more."""
    if isinstance(number, int):
        return f"{number:,}"
    if isinstance(number, float):
        number = Decimal(repr(number))
    whole, _, places = f"{number:,f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def money(amount: Decimal, currency: str | None) -> str:
    """The exact amount and its currency."""
    return f"{exact(amount)} {currency or NO_CURRENCY}"


def change(current: int | float | Decimal, previous: int | float | Decimal) -> str:
    """`+12%` against the period before, `1,200` times from ten on; empty where there is nothing to hold it against."""
    if not previous:
        return "new" if current else ""
    if current >= 10 * previous > 0:
        return f"{round(Decimal(current) / Decimal(previous)):,}\N{MULTIPLICATION SIGN}"
    percent = round((Decimal(current) / Decimal(previous) - 1) * 100)
    return f"{percent:+,}%".replace("-", "\N{MINUS SIGN}") if percent else "±0%"


def share(part: int, whole: int) -> str:
    """`12.3%`."""
    return f"{100 * part / whole:.1f}%" if whole else "0.0%"


def ago(moment: datetime, now: datetime) -> str:
    """`12 s ago`; what lies ahead is `in 12 s`. Clocks that differ by less than a second agree."""
    seconds = int(abs(now - moment) / timedelta(seconds=1))
    text = next((f"{seconds // size} {unit}" for size, unit in _UNITS if seconds >= size), f"{seconds} s")
    return f"{text} ago" if moment <= now or not seconds else f"in {text}"


def absolute(moment: datetime, tz: ZoneInfo) -> str:
    """`Mon 23 Nov 2026, 14:05:07 CET`."""
    return f"{moment.astimezone(tz):%a %-d %b %Y, %H:%M:%S %Z}"


def minute(moment: datetime, tz: ZoneInfo) -> str:
    """`Mon 23 Nov 2026, 14:05`, with the zone in an hour that the clocks show twice."""
    local = moment.astimezone(tz)
    return f"{local:%a %-d %b %Y}, {_clock(local)}"


def _clock(local: datetime) -> str:
    is_shown_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{local:%H:%M %Z}" if is_shown_twice else f"{local:%H:%M}"


def bucket_label(bucket: Bucket, interval: Interval, tz: ZoneInfo, *, one_day: bool) -> str:
    """What stands below a bucket in a chart; hours name their day unless all are of one day or so."""
    local = bucket.start.astimezone(tz)
    match interval:
        case Interval.MINUTE | Interval.HOUR:
            return f"{local:%H:%M}" if one_day else f"{local:%-d %b %H:%M}"
        case Interval.DAY | Interval.WEEK:
            return f"{local:%-d %b}"
        case Interval.MONTH:
            return f"{local:%b %Y}"


def bucket_title(bucket: Bucket, interval: Interval, tz: ZoneInfo) -> str:
    """What a bucket is called in full: its time, and that it is cut short where it is."""
    local, last = bucket.start.astimezone(tz), bucket.end.astimezone(tz)
    match interval:
        case Interval.MINUTE:
            title = minute(local, tz)
        case Interval.HOUR:
            title = f"{minute(local, tz)} to {_clock(last)}"
        case Interval.DAY:
            title = f"{local:%a %-d %b %Y}"
        case Interval.WEEK:
            title = f"Week of {local:%a %-d %b %Y}"
        case Interval.MONTH:
            title = f"{local:%B %Y}"
    return title if bucket.whole else f"{title} (incomplete)"


def duration(length: timedelta) -> str:
    """`0.4 s`, `2 min 5 s`, `1 h 2 min`, `3 d 4 h`: tenths below a minute, then the two largest units."""
    seconds = length / timedelta(seconds=1)
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    parts: list[tuple[int, str]] = []
    left = int(seconds)
    for size, unit in (*_UNITS, (1, "s")):
        parts += [(left // size, unit)] if parts or left >= size else []
        left %= size
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)


def percent(number: Decimal) -> str:
    """`12.3%`."""
    return f"{number:.1f}%"


def size(count: int) -> str:
    """Bytes as `512 B`, `1.5 MiB`, `12.0 GiB`."""
    if count < 1024:
        return f"{count} B"
    amount, units = count / 1024, ["KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:,.1f} {units[0]}"
