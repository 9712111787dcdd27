"""Explore: any measure of any event, broken down by any column or property."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, cast

from dashboard_app.measures.explore import (
    ADDITIVE,
    COUNTS,
    MEASURES,
    OFFERED_EVENTS,
    Exploration,
    measure_explore,
)
from dashboard_app.measures.explore_groups import Explored, Group, Pair
from dashboard_app.presenting.bar import COLUMN_CHOICES
from dashboard_app.presenting.charts import Kind, Series, make_chart, time_axis, time_table
from dashboard_app.presenting.colours import GREY, nth_look
from dashboard_app.presenting.links import page_url, with_condition
from dashboard_app.presenting.values import Breakdown, BreakdownRow, make_figure
from dashboard_app.question.conditions import TIMES, Operator, check_column, parse_condition
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import Filters
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table, Value

MAX_PAIRS: Final = 5
MAX_LINES: Final = 15
TOPS: Final = (3, 5, 10)
VIEWS: Final = ("line", "bar", "area", "table")
OTHER: Final = "Other"
MISSING: Final = "(none)"
LABELS: Final = {
    "events": "events",
    "devices": "unique devices",
    "users": "unique users",
    "persons": "persons",
    "sessions": "sessions",
    "sum": "sum of",
    "average": "average of",
    "minimum": "minimum of",
    "maximum": "maximum of",
    "median": "median of",
    "p90": "90th percentile of",
    "p95": "95th percentile of",
    "p99": "99th percentile of",
}


class ExploreReport:
    """Up to five pairs of an event and a measure, and at most one breakdown for all of them."""

    name: ClassVar[str] = "explore"
    title: ClassVar[str] = "Explore"
    intervals: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    parameters: ClassVar[tuple[Parameter, ...]] = (
        *(
            parameter
            for number in range(1, MAX_PAIRS + 1)
            for parameter in (
                Parameter(f"event{number}", f"The event of series {number}; every event when missing."),
                Parameter(f"measure{number}", "What is measured of it; `events` when missing.", values=MEASURES),
                Parameter(f"number{number}", "The numeric column or property of it; `revenue` when missing."),
            )
        ),
        Parameter("by", "The column or property that breaks every series down."),
        Parameter("top", "How many of its values have series of their own; 5 when missing.", values=("3", "5", "10")),
        Parameter("view", "How the page draws it.", values=VIEWS),
    )

    def parse(self, query: Query, context: Context) -> Explored:  # noqa: ARG002 (the time does not matter)
        pairs = tuple(dict.fromkeys(pair for n in range(1, MAX_PAIRS + 1) if (pair := _pair(query, n)))) or (Pair(),)
        by = query.get("by") or ""
        if by:
            check_column(by, "by")
        by = _by_currency(pairs, by, query)
        return Explored(pairs, by, _top(query, len(pairs)), _choice(query, "view", VIEWS))

    def measure(self, rows: Rows, filters: Filters, options: Explored) -> Exploration:
        result = measure_explore(rows, filters, options)
        return replace(result, groups=[group for group in result.groups if not _adds_currencies(group, options)])

    def present(self, result: Exploration, filters: Filters, options: Explored, context: Context) -> Mapping[str, Any]:
        series, stacked = _series(result, options), _is_stacked(options)
        kind = cast("Kind", "line" if options.view == "table" else options.view)
        axis, before = time_axis(filters, context), _previous_total(result, options)
        chart = make_chart(
            "series",
            _title(options),
            axis,
            series,
            kind=kind,
            stacked=stacked,
            panels=_is_by_currency(options),
            previous_total=before,
        )
        return {
            "charts": [chart],
            "absent": _absent(result, options),
            "only_table": options.view == "table",
            "breakdowns": [_totals(result, options, context)],
            "controls": _controls(result, options, context.query.get("by") or ""),
        }

    def tables(self, result: Exploration, filters: Filters, options: Explored) -> list[Table]:
        rows: list[tuple[Value, ...]] = [
            (
                group.pair.event or None,
                group.pair.measure,
                group.pair.number or None,
                _value_label(group) if options.by else None,
                group.total,
                group.previous_total,
            )
            for group in result.groups
        ]
        columns = ("event", "measure", "number", options.by or "value", "total", "total_previous")
        return [
            time_table("series", _title(options), filters, _series(result, options), _previous_total(result, options)),
            Table("totals", "Whole range", columns, rows),
        ]


def _pair(query: Query, number: int) -> Pair | None:
    """The series `number` of the query, None where it says nothing of it. Raises FilterError."""
    event, measure = query.get(f"event{number}") or "", query.get(f"measure{number}") or ""
    column = query.get(f"number{number}") or ""
    if not (event or measure):
        return None
    measure = _choice(query, f"measure{number}", MEASURES)
    if measure in COUNTS:
        return Pair(event, measure)
    if column:
        check_column(column, f"number{number}")
    if column in TIMES:
        raise FilterError(f"“{column}” is a time. Take a column or property with numbers.", f"number{number}")
    return Pair(event, measure, column or "revenue")


def _choice(query: Query, name: str, choices: tuple[str, ...]) -> str:
    chosen = query.get(name) or choices[0]
    if chosen not in choices:
        raise FilterError(f"“{chosen}” is not known. Choose one of {', '.join(choices)}.", name)
    return chosen


def _top(query: Query, pairs: int) -> int:
    """Fewer values where there are several pairs: more lines than `MAX_LINES` nobody can tell apart."""
    top = int(_choice(query, "top", tuple(str(top) for top in sorted(TOPS, key=lambda top: top != 5))))
    return min(top, max(1, MAX_LINES // pairs - 1))


def _by_currency(pairs: tuple[Pair, ...], by: str, query: Query) -> str:
    """Amounts of different currencies are never added: they are broken down, unless a filter leaves only one."""
    conditions = {parse_condition(text) for text in query.getlist("filter") if text}
    currencies = [one for one in conditions if one.column == "currency" and one.operator is Operator.IS]
    if len(currencies) == 1 or by == "currency" or not any(pair.number == "revenue" for pair in pairs):
        return by
    if not by:
        return "currency"
    message = (
        "Amounts of different currencies are never added. Add the filter currency is …, or break down by currency."
    )
    raise FilterError(message, "by")


def _adds_currencies(group: Group, asked: Explored) -> bool:
    """Whether it is of the amounts of all currencies that have no series of their own."""
    return group.is_other and asked.by == "currency" and group.pair.number == "revenue"


def _is_stacked(asked: Explored) -> bool:
    """Only parts of one whole are stacked: unique devices of two countries may be the same device.

    Neither are amounts of different currencies.
    """
    if asked.view not in ("bar", "area") or len(asked.pairs) > 1 or asked.pairs[0].measure not in ADDITIVE:
        return False
    return asked.pairs[0].measure == "events" or asked.by != "currency"


def _is_by_currency(asked: Explored) -> bool:
    """Whether each series is of amounts in another currency: no scale has room for all."""
    return asked.by == "currency" and all(pair.number == "revenue" for pair in asked.pairs)


def _pair_label(pair: Pair) -> str:
    return f"{pair.event or 'All events'}: {LABELS[pair.measure]} {pair.number}".strip()


def _title(asked: Explored) -> str:
    title = "; ".join(_pair_label(pair) for pair in asked.pairs)
    return f"{title}, by {asked.by}" if asked.by else title


def _value_label(group: Group) -> str:
    return OTHER if group.is_other else MISSING if group.value is None else group.value


def _label(group: Group, asked: Explored) -> str:
    if not asked.by:
        return _pair_label(group.pair)
    value = _value_label(group)
    return value if len(asked.pairs) == 1 else f"{_pair_label(group.pair)}, {value}"


def _series(exploration: Exploration, asked: Explored) -> list[Series]:
    series: list[Series] = []
    for group in exploration.groups:
        alike = sum(one.colour == GREY for one in series)
        colour, mark = (GREY, alike) if group.is_other else nth_look(len(series) - alike)
        # A stack is held against one line: the whole of the period before.
        previous = None if _is_stacked(asked) else group.previous
        series.append(Series(_label(group, asked), colour, group.values, previous, mark=mark))
    return series


def _previous_total(exploration: Exploration, asked: Explored) -> list[Any] | None:
    before = [group.previous for group in exploration.groups if group.previous]
    return [sum(numbers) for numbers in zip(*before, strict=True)] if before and _is_stacked(asked) else None


def _totals(exploration: Exploration, asked: Explored, context: Context) -> Breakdown:
    """The whole range as a table: what the buckets add up to is no number of uniques.

    Amounts of different currencies have no bars, which would hold them against each other.
    """
    totals = [] if _is_by_currency(asked) else [float(group.total) for group in exploration.groups if group.total]
    most = max(totals, default=0.0)
    rows = [
        BreakdownRow(
            label=_label(group, asked),
            figures=[make_figure(group.total or 0, group.previous_total)],
            share="",
            width=f"{max(0.0, 100 * float(group.total or 0) / most):.1f}" if most > 0 else "0",
            url=_url(group, asked, context),
            is_missing=group.value is None and not group.is_all,
        )
        for group in exploration.groups
    ]
    return Breakdown("totals", "Whole range", asked.by or "Series", ["Total"], rows)


def _url(group: Group, asked: Explored, context: Context) -> str:
    """The page with a filter for the group's value."""
    if group.is_other or group.is_all or not asked.by:
        return ""
    return page_url("explore", with_condition(context.query, asked.by, group.value))


def _absent(exploration: Exploration, asked: Explored) -> list[str]:
    """The events that nobody sent, as far as the list of types is whole."""
    types = exploration.event_types
    names = dict.fromkeys(pair.event for pair in asked.pairs if pair.event)
    return [name for name in names if name not in types] if len(types) < OFFERED_EVENTS else []


def _controls(exploration: Exploration, asked: Explored, by: str) -> dict[str, Any]:
    """The state of the form: a line for each pair, and an empty one while there may be more.

    `by` is what the reader chose: amounts are broken down by currency also without that.
    """
    lines: list[Pair | None] = [*asked.pairs, *([None] if len(asked.pairs) < MAX_PAIRS else [])]
    return {
        "lines": list(enumerate(lines, 1)),
        "measures": LABELS,
        "by": by,
        "by_itself": asked.by if asked.by != by else "",
        "top": asked.top,
        "tops": TOPS,
        "view": asked.view,
        "views": VIEWS,
        "event_types": exploration.event_types,
        "columns": [*COLUMN_CHOICES, *(_property(name) for name in exploration.properties)],
    }


def _property(name: str) -> str:
    return "properties." + name.replace(".", "\\.")
