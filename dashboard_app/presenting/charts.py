"""What Chart.js draws, and the table that says the same. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from dashboard_app.presenting.formats import bucket_label, bucket_title, exact
from dashboard_app.question.filters import Filters
from dashboard_app.report import Context, Table, Value

PREVIOUS: Final = "previous period"
Kind = Literal["line", "area", "bar"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or stack of a chart. `colour` numbers the palette in the style sheet, 0 is its grey.

    `values` has one for each step of the axis; `previous` those of the period before. What is not drawn is in the
    table alone. `mark`, from 0 for none to 4, tells those of one colour apart.
    """

    label: str
    colour: int
    values: Sequence[Any]
    previous: Sequence[Any] | None = None
    is_drawn: bool = True
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of a page. `payload` is for Chart.js; `header` and `rows` are the table beside it.

    `id` is also the name of the report's Table with the same numbers.
    """

    id: str
    title: str
    payload: dict[str, Any]
    corner: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Axis:
    """The steps of a chart as labels, made once for all charts of a page. `begun` counts those that have begun.

    `title` says below the chart what its steps are, empty for times, which say so themselves.
    """

    corner: str
    labels: list[str]
    titles: list[str]
    previous_titles: list[str]
    incomplete: list[bool]
    begun: int
    annotations: list[dict[str, Any]]
    title: str = ""


def time_axis(filters: Filters, context: Context) -> Axis:
    """The buckets of the page."""
    one_day = filters.range.end - filters.range.start <= timedelta(days=1)
    interval, tz = filters.interval, context.tz
    starts = [bucket.start for bucket in filters.buckets]
    titles = [bucket_title(bucket, interval, tz) for bucket in filters.buckets]
    notes = [
        (bisect_right(starts, note.at) - 1, note.text)
        for note in context.annotations
        if filters.range.start <= note.at < filters.range.end
    ]
    return Axis(
        corner="Time",
        labels=[bucket_label(bucket, interval, tz, one_day=one_day) for bucket in filters.buckets],
        titles=titles,
        previous_titles=[bucket_title(bucket, interval, tz) for bucket in filters.previous_buckets],
        incomplete=[not bucket.whole for bucket in filters.buckets],
        begun=filters.begun,
        annotations=[{"step": step, "title": titles[step], "text": text} for step, text in notes],
    )


def category_axis(corner: str, labels: Sequence[str]) -> Axis:
    """Steps that are no times, such as lengths or countries; `corner` heads their column in the table."""
    names = list(labels)
    return Axis(corner, names, names, names, [False] * len(names), len(names), [], title=corner)


def make_chart(  # noqa: PLR0913 (what a chart is)
    id: str,  # noqa: A002 (the element's)
    title: str,
    axis: Axis,
    series: Sequence[Series],
    *,
    kind: Kind = "line",
    stacked: bool = False,
    panels: bool = False,
    previous_total: Sequence[Any] | None = None,
) -> Chart:
    """A chart over `axis`, and its table. `previous_total` is one line for the whole period before a stack.

    `panels`: each of several series has one of its own with a scale of its own, for they are of different units.
    """
    begun = f"{axis.begun} steps, {axis.titles[0]} to {axis.titles[axis.begun - 1]}" if axis.begun else "no steps yet"
    payload = {
        "kind": kind,
        "stacked": stacked,
        "panels": panels and sum(one.is_drawn for one in series) > 1,
        "summary": f"{title}: {begun}. The table has the numbers.",
        "axisTitle": axis.title,
        "labels": axis.labels,
        "titles": axis.titles,
        "previousTitles": axis.previous_titles,
        "incomplete": axis.incomplete,
        "annotations": axis.annotations,
        "compared": bool(previous_total) or any(one.previous for one in series),
        "previousTotal": previous_total and _drawn(previous_total, axis.begun),
        "series": [
            {
                "label": one.label,
                "colour": one.colour,
                "mark": one.mark,
                "values": _drawn(one.values, axis.begun),
                "previous": one.previous and _drawn(one.previous, axis.begun),
            }
            for one in series
            if one.is_drawn
        ],
    }
    columns = _columns(series, previous_total)
    rows = [[_row_title(axis, step), *(_cell(values[step]) for _, values in columns)] for step in range(axis.begun)]
    return Chart(id, title, payload, axis.corner, [label for label, _ in columns], rows)


def time_table(
    name: str,
    title: str,
    filters: Filters,
    series: Sequence[Series],
    previous_total: Sequence[Any] | None = None,
) -> Table:
    """The numbers of a chart over time: a row for each bucket that has begun, which names its start."""
    columns = _columns(series, previous_total)
    rows: list[tuple[Value, ...]] = [
        (filters.buckets[step].start.astimezone(filters.tz), *(values[step] for _, values in columns))
        for step in range(filters.begun)
    ]
    return Table(name, title, ("time", *(label for label, _ in columns)), rows)


def by_name(currencies: Iterable[str | None]) -> list[str | None]:
    """Currencies in the alphabet's order, and last what has none."""
    return sorted(currencies, key=lambda currency: (currency is None, currency))


def _columns(series: Sequence[Series], previous_total: Sequence[Any] | None) -> list[tuple[str, Sequence[Any]]]:
    columns = [(one.label, one.values) for one in series]
    columns += [(f"{one.label}, {PREVIOUS}", one.previous) for one in series if one.previous]
    if previous_total:
        columns.append((f"All, {PREVIOUS}", previous_total))
    return columns


def _row_title(axis: Axis, step: int) -> str:
    """The step, and what is noted at it."""
    return " · ".join([axis.titles[step], *(note["text"] for note in axis.annotations if note["step"] == step)])


def _drawn(values: Sequence[Any], begun: int) -> list[Any]:
    """Numbers that JavaScript has; none for a step that has not begun."""
    plain = [float(value) if isinstance(value, Decimal) else value for value in values[:begun]]
    return plain + [None] * (len(values) - begun)


def _cell(value: int | float | Decimal | None) -> str:
    return "" if value is None else exact(value)
