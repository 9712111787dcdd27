"""Retention: of those who began in a period, how many came back in each that followed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from dashboard_app.measures.event_types import event_types
from dashboard_app.measures.retention import Cohort, RetentionOptions, measure_retention
from dashboard_app.presenting.retention import average, present_retention
from dashboard_app.question.buckets import Bucket, Interval, floor, following, make_buckets
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.question.steps import Step, parse_step
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context, Parameter, Query, Table, Value

# How many periods after its own are looked at for each cohort.
COLUMNS: Final = 30
MAX_COHORTS: Final = 120
PERIODS: Final = (Interval.DAY, Interval.WEEK, Interval.MONTH)
AUTO: Final = "auto"
# Up to this length of a range, this period is chosen by itself; months beyond.
_AUTOMATIC: Final = ((timedelta(days=32), Interval.DAY), (timedelta(days=190), Interval.WEEK))


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """The cohorts, in order, and the types to choose from."""

    cohorts: list[Cohort]
    event_types: tuple[str, ...]


class RetentionReport:
    """Cohorts by the first event."""

    name: ClassVar[str] = "retention"
    title: ClassVar[str] = "Retention"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("period", "The length of a cohort and of a column.", values=(AUTO, *PERIODS)),
        Parameter("start", "The event that a person begins with, as a step of a funnel; any event without it."),
        Parameter("returning", "The event that counts as coming back, as a step of a funnel; any without it."),
    )
    intervals: ClassVar[bool] = False
    compares: ClassVar[bool] = False

    def parse(self, query: Query, context: Context) -> RetentionOptions:
        asked = parse_filters(query, now=context.now, tz=context.tz).range
        choice = query.get("period") or AUTO
        if choice not in (AUTO, *PERIODS):
            names = ", ".join((AUTO, *PERIODS))
            raise FilterError(f"The period “{choice}” is not known. Choose one of {names}.", "period")
        length = asked.end - asked.start
        automatic = next((period for limit, period in _AUTOMATIC if length <= limit), Interval.MONTH)
        period = automatic if choice == AUTO else Interval(choice)
        first = floor(asked.start, period, context.tz)
        cohorts = make_buckets(first, min(asked.end, context.now), period, context.now, context.tz)
        if len(cohorts) > MAX_COHORTS:
            message = f"This range has {len(cohorts):,} cohorts of a {period}; at most {MAX_COHORTS} are shown."
            raise FilterError(f"{message} Choose a longer period or a shorter range.", "period")
        start, returning = _step(query, "start"), _step(query, "returning")
        buckets = _buckets(first, len(cohorts), period, context)
        return RetentionOptions(start, returning, choice, period, buckets, len(cohorts), COLUMNS)

    def measure(self, rows: Rows, filters: Filters, options: RetentionOptions) -> RetentionResult:
        return RetentionResult(measure_retention(rows.connection, filters, options), event_types(rows, filters))

    def present(
        self,
        result: RetentionResult,
        filters: Filters,  # noqa: ARG002 (its periods are the options')
        options: RetentionOptions,
        context: Context,
    ) -> Mapping[str, Any]:
        return present_retention(result.cohorts, result.event_types, options, context)

    def tables(self, result: RetentionResult, filters: Filters, options: RetentionOptions) -> list[Table]:
        shown = max((len(cohort.returned) for cohort in result.cohorts), default=0)
        names = tuple(f"{options.period}_{number}" for number in range(1, shown + 1))
        counts: list[tuple[Value, ...]] = []
        shares: list[tuple[Value, ...]] = []
        for cohort in result.cohorts:
            start, missing = cohort.bucket.start.astimezone(filters.tz), [None] * (shown - len(cohort.returned))
            percents = [round(100 * one / cohort.size, 1) if cohort.size else None for one in cohort.returned]
            counts.append((start, cohort.size, *cohort.returned, *missing))
            shares.append((start, cohort.size, *percents, *missing))
        curve = average(result.cohorts, options)
        return [
            Table("retention", "People who came back", ("cohort", "people", *names), counts),
            Table("shares", "Percent who came back", ("cohort", "people", *names), shares),
            Table("average", "Average", (str(options.period), "percent"), list(enumerate(curve, 1))),
        ]


def _step(query: Query, name: str) -> Step | None:
    text = query.get(name)
    return parse_step(text, name) if text else None


def _buckets(first: datetime, cohorts: int, period: Interval, context: Context) -> tuple[Bucket, ...]:
    """The periods from the first cohort's to the last that is looked at, none of which begins after the present."""
    if not cohorts:
        return ()
    end, count = following(first, period, context.tz), 1
    while count < cohorts + COLUMNS and end <= context.now:
        end, count = following(end, period, context.tz), count + 1
    return tuple(make_buckets(first, end, period, context.now, context.tz))
