"""The funnel: who goes through which steps, how long it takes, and who is lost where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final

from dashboard_app.measures.event_types import event_types
from dashboard_app.measures.funnel import Conversion, Funnel, FunnelOptions, Listed, measure_funnel
from dashboard_app.presenting.funnel import present_funnel, window_text
from dashboard_app.presenting.people_links import parse_page
from dashboard_app.question.conditions import check_column
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import Filters
from dashboard_app.question.steps import parse_step
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table, Value

MIN_STEPS, MAX_STEPS = 2, 8
DEFAULT_WINDOW: Final = timedelta(days=7)
LONGEST_WINDOW: Final = timedelta(days=366)
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LISTED: Final = re.compile(r"(converted|dropped)-([1-9])")


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """The funnel, None while no steps are chosen, and the types to choose from."""

    funnel: Funnel | None
    event_types: tuple[str, ...]


class FunnelReport:
    """Ordered steps within a window of time."""

    name: ClassVar[str] = "funnel"
    title: ClassVar[str] = "Funnel"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "step",
            f"`EVENT_TYPE` or `EVENT_TYPE|COLUMN:OP:VALUE|…`, {MIN_STEPS} to {MAX_STEPS} of them, in order. "
            "A | within a value is written \\|.",
            repeated=True,
        ),
        Parameter("window", "How long after the first step the others count: 90m, 12h or 7d (without it)."),
        Parameter("by", "A column or property of the first step's event, by which the funnel is broken down."),
        Parameter("people", "converted-N or dropped-N: list those who reached step N, or who reached it and no other."),
        Parameter("page", "The page of that list, from 1."),
    )
    intervals: ClassVar[bool] = False
    compares: ClassVar[bool] = False

    def parse(self, query: Query, context: Context) -> FunnelOptions:  # noqa: ARG002 (needs no time)
        steps = tuple(parse_step(text, "step") for text in query.getlist("step") if text)
        if steps and not MIN_STEPS <= len(steps) <= MAX_STEPS:
            message = f"A funnel has {MIN_STEPS} to {MAX_STEPS} steps; this has {len(steps)}. Choose another number."
            raise FilterError(message, "step")
        breakdown = query.get("by") or ""
        if breakdown:
            check_column(breakdown, "by")
        return FunnelOptions(steps, _window(query), breakdown, _listed(query, len(steps)), parse_page(query))

    def measure(self, rows: Rows, filters: Filters, options: FunnelOptions) -> FunnelResult:
        funnel = measure_funnel(rows, filters, options) if options.steps else None
        return FunnelResult(funnel, event_types(rows, filters))

    def present(
        self, result: FunnelResult, filters: Filters, options: FunnelOptions, context: Context
    ) -> Mapping[str, Any]:
        return present_funnel(result.funnel, result.event_types, filters, options, context)

    def tables(self, result: FunnelResult, filters: Filters, options: FunnelOptions) -> list[Table]:
        columns = ("step", "event", "people", "of_start_percent", "of_step_before_percent", "median_seconds")
        if result.funnel is None:
            return [Table("steps", "Steps", columns, [])]
        total = result.funnel.total
        rows: list[tuple[Value, ...]] = [
            (number, str(step), *_numbers(total, number - 1)) for number, step in enumerate(options.steps, 1)
        ]
        tables = [Table("steps", "Steps", columns, rows)]
        if options.breakdown:
            broken = [
                ("(other values)" if one.is_rest else one.value, number, *_numbers(one, number - 1))
                for one in result.funnel.breakdown
                for number in range(1, len(options.steps) + 1)
            ]
            names = (options.breakdown, "step", *columns[2:])
            tables.append(Table("breakdown", f"By {options.breakdown}", names, list(broken)))
        if options.listed:
            people = [
                (
                    one.identity.user_id,
                    one.identity.device_id,
                    one.started_on.astimezone(filters.tz),
                    one.reached_on.astimezone(filters.tz),
                )
                for one in result.funnel.people
            ]
            columns_of_people = ("user_id", "device_id", "started_on", "reached_on")
            tables.append(Table("people", "People", columns_of_people, list(people)))
        return tables


def _numbers(conversion: Conversion, place: int) -> tuple[Value, ...]:
    """People, percent of the start, percent of the step before, and the median wait in seconds."""
    step = conversion.steps[place]
    before = conversion.steps[place - 1] if place else step
    wait = step.median_wait
    return (
        step.people,
        percent(step.people, conversion.steps[0].people),
        percent(step.people, before.people),
        None if wait is None else wait / timedelta(seconds=1),
    )


def percent(part: int, whole: int) -> float:
    """To one place; 0 of nobody."""
    return round(100 * part / whole, 1) if whole else 0.0


def _window(query: Query) -> timedelta:
    text = query.get("window") or window_text(DEFAULT_WINDOW)
    match = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", text)
    window = int(match[1]) * _UNITS[match[2]] if match else timedelta()
    if not timedelta() < window <= LONGEST_WINDOW:
        message = f"“{text}” is no window of time. Give 90m, 12h or 7d, and at most {LONGEST_WINDOW.days}d."
        raise FilterError(message, "window")
    return window


def _listed(query: Query, steps: int) -> Listed | None:
    text = query.get("people")
    if not text:
        return None
    match = _LISTED.fullmatch(text)
    if not match or int(match[2]) > steps:
        raise FilterError(f"“{text}” is no list of this funnel. Give converted-N or dropped-N with N a step.", "people")
    return Listed(int(match[2]), converted=match[1] == "converted")
