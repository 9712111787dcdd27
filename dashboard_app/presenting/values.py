"""What templates write of numbers, times and tables: texts. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from dashboard_app.presenting.formats import absolute, ago, change, exact, share, short

Number = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Figure:
    """A number: in short, exactly, and against the period before (`trend` is up, down or level)."""

    short: str
    exact: str
    unit: str = ""
    change: str = ""
    trend: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One of the headline numbers; revenue has a figure per currency."""

    label: str
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """One value of a column. `width` is the length of the bar behind it, in percent; `url` filters by the value."""

    label: str
    figures: list[Figure]
    share: str
    width: str
    url: str = ""
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A table of the commonest values of a column, with a bar behind each row. `id` is its Table's name."""

    id: str
    title: str
    column: str
    headers: list[str]
    rows: list[BreakdownRow]

    @property
    def shares(self) -> bool:
        """Whether its rows have shares."""
        return any(row.share for row in self.rows)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as the page writes it: relative, and in full."""

    iso: str
    ago: str
    full: str


def make_figure(number: Number, previous: Number | None = None, unit: str = "") -> Figure:
    """`number` as text, with its change where there is a `previous`."""
    if previous is None:
        return Figure(short(number), exact(number), unit)
    trend = "up" if number > previous > 0 else "down" if number < previous else "level"
    return Figure(short(number), exact(number), unit, change(number, previous), trend, exact(previous))


def make_moment(moment: datetime, now: datetime, tz: ZoneInfo) -> Moment:
    """`moment` seen from `now`."""
    return Moment(moment.isoformat(), ago(moment, now), absolute(moment, tz))


def make_breakdown_rows(
    rows: Sequence[tuple[str | None, Sequence[tuple[Number, Number | None]]]],
    total: int,
    url: Callable[[str | None], str] = lambda _: "",
    missing: str = "(none)",
) -> list[BreakdownRow]:
    """Rows of (value, [(number, previous), …]); the first number is a count out of `total` and makes the bar."""
    most = float(max((numbers[0][0] for _, numbers in rows), default=0))
    return [
        BreakdownRow(
            label=missing if value is None else value,
            figures=[make_figure(number, previous) for number, previous in numbers],
            share=share(int(numbers[0][0]), total),
            width=f"{100 * float(numbers[0][0]) / most:.1f}" if most else "0",
            url=url(value),
            is_missing=value is None,
        )
        for value, numbers in rows
    ]
