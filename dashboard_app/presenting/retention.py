"""What the template of retention writes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from dashboard_app.measures.retention import Cohort, RetentionOptions
from dashboard_app.presenting.charts import Series, category_axis, make_chart
from dashboard_app.presenting.formats import bucket_title, exact, share
from dashboard_app.presenting.step_editor import step_fields
from dashboard_app.presenting.values import Figure, make_figure
from dashboard_app.question.buckets import Interval
from dashboard_app.report import Context

# The heat map has as many shades, the darkest for the largest share.
_SHADES: Final = 10
# What floating point may add to a share.
_ROUNDING: Final = 1e-9
_NAMES: Final = {Interval.DAY: "Day", Interval.WEEK: "Week", Interval.MONTH: "Month"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the heat map. `shade` is from 0, nobody, to 10, the largest share of all cohorts' cells.

    `is_unfinished` tells that its period goes on.
    """

    text: str
    title: str
    shade: int
    is_unfinished: bool


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One cohort; `cells` is empty where nobody began or no period has followed yet."""

    title: str
    is_unfinished: bool
    size: Figure
    cells: list[Cell]


def present_retention(
    cohorts: Sequence[Cohort], types: tuple[str, ...], options: RetentionOptions, context: Context
) -> dict[str, Any]:
    """The editors, the heat map and the average curve."""
    name = _NAMES[options.period]
    curve, largest = average(cohorts, options), _largest(cohorts)
    axis = category_axis(name, [str(number) for number in range(1, len(curve) + 1)])
    chart = make_chart("average", "Average of the cohorts, percent", axis, [Series("Came back", 1, curve)])
    return {
        "editors": [
            step_fields(options.start, "start", "Begins with", "any event"),
            step_fields(options.returning, "returning", "Comes back with", "any event"),
        ],
        "event_types": types,
        "periods": [("auto", f"auto ({options.period})"), *((period, str(period)) for period in _NAMES)],
        "period": options.choice,
        "unit": name,
        "columns": range(1, max((len(cohort.returned) for cohort in cohorts), default=0) + 1),
        "cohorts": [_row(number, cohort, largest, options, context) for number, cohort in enumerate(cohorts)],
        "charts": [chart] if curve else [],
    }


def average(cohorts: Sequence[Cohort], options: RetentionOptions) -> list[float | None]:
    """For each period after the first, who came back in percent of all cohorts for which it is over; None for none."""
    curve: list[float | None] = []
    for place in range(max((len(cohort.returned) for cohort in cohorts), default=0)):
        over = [
            cohort
            for number, cohort in enumerate(cohorts)
            if place < len(cohort.returned) and options.buckets[number + 1 + place].whole
        ]
        people = sum(cohort.size for cohort in over)
        curve.append(round(100 * sum(cohort.returned[place] for cohort in over) / people, 1) if people else None)
    while curve and curve[-1] is None:
        curve.pop()
    return curve


def _largest(cohorts: Sequence[Cohort]) -> float:
    """The largest share of a cohort that came back in one period; 1 where nobody did."""
    return max((max(one.returned, default=0) / one.size for one in cohorts if one.size), default=0) or 1


def _row(number: int, cohort: Cohort, largest: float, options: RetentionOptions, context: Context) -> CohortRow:
    cells = []
    for place, returned in enumerate(cohort.returned if cohort.size else ()):
        bucket = options.buckets[number + 1 + place]
        title = f"{exact(returned)} of {exact(cohort.size)}: {bucket_title(bucket, options.period, context.tz)}"
        shade = ceil(_SHADES * returned / cohort.size / largest - _ROUNDING)
        cells.append(Cell(share(returned, cohort.size), title, shade, is_unfinished=not bucket.whole))
    title = bucket_title(cohort.bucket, options.period, context.tz).removesuffix(" (incomplete)")
    return CohortRow(title, not cohort.bucket.whole, make_figure(cohort.size), cells)
