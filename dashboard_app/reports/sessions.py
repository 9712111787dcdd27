"""Sessions and paths: how many, how long, where they begin and end, and which way they take."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

from dashboard_app.measures.paths import PathCount
from dashboard_app.measures.session_counts import SessionCounts
from dashboard_app.measures.sessions import LENGTHS, Sessions, measure_sessions
from dashboard_app.presenting.charts import Chart, Series, category_axis, make_chart, time_axis, time_table
from dashboard_app.presenting.formats import change, duration, percent, share
from dashboard_app.presenting.links import page_url, with_condition
from dashboard_app.presenting.values import Breakdown, BreakdownRow, Card, Figure, make_figure
from dashboard_app.question.choosing import BY, parse_column, parse_count
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table, Value

DEFAULT_COLUMN: Final = "platform"
DEFAULT_PAGES: Final = 3
MOST_PAGES: Final = 10
_PAGES: Final = Parameter(
    "pages", f"How many pages of a path are told apart: 1 to {MOST_PAGES}, {DEFAULT_PAGES} without."
)
_NO_PAGE: Final = "(no page)"
_HEADERS: Final = ["Sessions", "Length", "Bounces"]
_TITLES: Final = {
    "sessions": "Sessions by the time they began",
    "length": "Median length of a session, in seconds",
    "bounces": "Bounce rate, in percent",
    "lengths": "How long sessions are",
}
_NUMBERS: Final = (
    "sessions",
    "events",
    "bounces",
    "median_length_seconds",
    "events_per_session",
    "bounce_rate_percent",
)


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The column that sessions are broken down by, and how many pages of a path count."""

    column: str
    pages: int


@dataclass(frozen=True, slots=True)
class PathRow:
    """A row of the table of paths; `width` is the length of the bar behind it, in percent."""

    pages: tuple[str, ...]
    sessions: Figure
    share: str
    width: str


class SessionsReport:
    """The page Sessions."""

    name: ClassVar[str] = "sessions"
    title: ClassVar[str] = "Sessions"
    parameters: ClassVar[tuple[Parameter, ...]] = (BY, _PAGES)
    intervals: ClassVar[bool] = True
    compares: ClassVar[bool] = True

    def parse(self, query: Query, context: Context) -> SessionOptions:  # noqa: ARG002 (the protocol's)
        pages = parse_count(query, "pages", DEFAULT_PAGES, MOST_PAGES)
        return SessionOptions(parse_column(query, DEFAULT_COLUMN), pages)

    def measure(self, rows: Rows, filters: Filters, options: SessionOptions) -> Sessions:
        return measure_sessions(rows, filters, options.column, options.pages)

    def present(
        self, result: Sessions, filters: Filters, options: SessionOptions, context: Context
    ) -> Mapping[str, Any]:
        def only(value: str | None) -> str:
            return page_url(self.name, with_condition(context.query, options.column, value))

        return {
            "cards": _cards(result),
            "charts": _charts(result, filters, context),
            "values": Breakdown(
                "values",
                f"Sessions by {options.column}",
                options.column,
                _HEADERS,
                _rows(result.values, result, "(none)", only),
            ),
            "entries": Breakdown("entries", "Entry pages", "Page", _HEADERS, _rows(result.entries, result, _NO_PAGE)),
            "exits": Breakdown("exits", "Exit pages", "Page", _HEADERS, _rows(result.exits, result, _NO_PAGE)),
            "paths": _paths(result.paths, result.current.total.sessions),
            "column": options.column,
            "pages": options.pages,
            "page_counts": range(1, MOST_PAGES + 1),
        }

    def tables(self, result: Sessions, filters: Filters, options: SessionOptions) -> list[Table]:
        charts = [time_table(name, _TITLES[name], filters, series) for name, series in _series(result).items()]
        shares: list[tuple[Value, ...]] = list(zip(length_labels(), result.lengths, strict=True))
        return [
            _headline(result),
            *charts,
            Table("lengths", _TITLES["lengths"], ("length", "sessions"), shares),
            _values_table("values", f"Sessions by {options.column}", options.column, result.values),
            _values_table("entries", "Entry pages", "page_path", result.entries),
            _values_table("exits", "Exit pages", "page_path", result.exits),
            _paths_table(result.paths, options.pages),
        ]


def length_labels() -> list[str]:
    """The names of the classes of length, in order."""
    edges = [timedelta(0), *LENGTHS]
    between = [f"{duration(lower)} to {duration(upper)}" for lower, upper in zip(edges, LENGTHS, strict=False)]
    return ["0 s", f"under {duration(LENGTHS[0])}", *between[1:], f"{duration(LENGTHS[-1])} or more"]


def _seconds(length: timedelta | None) -> Decimal | None:
    return None if length is None else Decimal(length // timedelta(microseconds=1)) / 1_000_000


def _series(result: Sessions) -> dict[str, list[Series]]:
    def series(label: str, colour: int, number: Callable[[SessionCounts], Any]) -> list[Series]:
        previous = [number(counts) for counts in result.previous.buckets] if result.previous else None
        return [Series(label, colour, [number(counts) for counts in result.current.buckets], previous)]

    return {
        "sessions": series("Sessions", 2, lambda counts: counts.sessions),
        "length": series("Median length", 1, lambda counts: _seconds(counts.median_length)),
        "bounces": series("Bounce rate", 5, lambda counts: counts.bounce_rate),
    }


def _charts(result: Sessions, filters: Filters, context: Context) -> list[Chart]:
    axis = time_axis(filters, context)
    charts = [make_chart(name, _TITLES[name], axis, series) for name, series in _series(result).items()]
    lengths = [Series("Sessions", 2, result.lengths)]
    return [
        *charts,
        make_chart("lengths", _TITLES["lengths"], category_axis("Length", length_labels()), lengths, kind="bar"),
    ]


def _cards(result: Sessions) -> list[Card]:
    total, before = result.current.total, result.previous.total if result.previous else None
    return [
        Card("Sessions", [make_figure(total.sessions, before.sessions if before else None)]),
        Card("Median length", [_figure(total, before, lambda counts: _seconds(counts.median_length), _length_text)]),
        Card("Events per session", [_figure(total, before, lambda counts: counts.events_per_session, str)]),
        Card("Bounce rate", [_figure(total, before, lambda counts: counts.bounce_rate, percent)]),
    ]


def _length_text(seconds: Decimal) -> str:
    return duration(timedelta(microseconds=int(seconds * 1_000_000)))


def _figure(
    counts: SessionCounts,
    before: SessionCounts | None,
    number: Callable[[SessionCounts], Decimal | None],
    text: Callable[[Decimal], str],
) -> Figure:
    """A rate or a length: more of it is neither good nor bad, so it has no colour."""
    value, previous = number(counts), number(before) if before else None
    if value is None:
        return Figure("-", "No session in this range")
    if previous is None:
        return Figure(text(value), text(value))
    return Figure(text(value), text(value), "", change(value, previous), "level", text(previous))


def _rows(
    values: Mapping[str | None, SessionCounts],
    result: Sessions,
    missing: str,
    url: Callable[[str | None], str] = lambda _: "",
) -> list[BreakdownRow]:
    most = max((counts.sessions for counts in values.values()), default=1)
    return [
        BreakdownRow(
            label=missing if value is None else value,
            figures=[
                make_figure(counts.sessions),
                _figure(counts, None, lambda counts: _seconds(counts.median_length), _length_text),
                _figure(counts, None, lambda counts: counts.bounce_rate, percent),
            ],
            share=share(counts.sessions, result.current.total.sessions),
            width=f"{100 * counts.sessions / most:.1f}",
            url=url(value),
            is_missing=value is None,
        )
        for value, counts in values.items()
    ]


def _paths(paths: Sequence[PathCount], sessions: int) -> list[PathRow]:
    most = paths[0].sessions if paths else 1
    return [
        PathRow(
            path.pages, make_figure(path.sessions), share(path.sessions, sessions), f"{100 * path.sessions / most:.1f}"
        )
        for path in paths
    ]


def _numbers(counts: SessionCounts) -> tuple[Value, ...]:
    length = _seconds(counts.median_length)
    return counts.sessions, counts.events, counts.bounces, length, counts.events_per_session, counts.bounce_rate


def _headline(result: Sessions) -> Table:
    before: tuple[Value, ...] = _numbers(result.previous.total) if result.previous else (None,) * len(_NUMBERS)
    rows = list(zip(_NUMBERS, _numbers(result.current.total), before, strict=True))
    return Table("headline", "Headline numbers", ("measure", "value", "previous"), list(rows))


def _values_table(name: str, title: str, column: str, values: Mapping[str | None, SessionCounts]) -> Table:
    rows = [(value, *_numbers(counts)) for value, counts in values.items()]
    return Table(name, title, (column, *_NUMBERS), list(rows))


def _paths_table(paths: Sequence[PathCount], pages: int) -> Table:
    columns = (*(f"page_{number}" for number in range(1, pages + 1)), "sessions")
    rows: list[tuple[Value, ...]] = [
        (*path.pages, *[None] * (pages - len(path.pages)), path.sessions) for path in paths
    ]
    return Table("paths", "Most common paths", columns, rows)
