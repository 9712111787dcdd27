"""What the funnel's template writes. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from dashboard_app.measures.event_types import MOST_TYPES
from dashboard_app.measures.funnel import Attempt, Conversion, Funnel, FunnelOptions
from dashboard_app.presenting.formats import duration, share
from dashboard_app.presenting.links import page_url, replaced
from dashboard_app.presenting.people_links import page_links, person_url
from dashboard_app.presenting.step_editor import step_fields, step_title
from dashboard_app.presenting.values import Card, Figure, Moment, make_figure, make_moment
from dashboard_app.question.filters import Filters
from dashboard_app.report import Context

WINDOWS: Final = ("1h", "1d", "7d", "14d", "30d")
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
# Editors that are there before any step is chosen.
_EMPTY_STEPS: Final = 2


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step: `share` of the start, `kept` of the step before; `width` is the length of its bar, in percent."""

    number: int
    title: str
    people: Figure
    share: str
    kept: str
    width: str
    wait: str
    dropped: Figure | None
    dropped_share: str
    converted_url: str
    dropped_url: str


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value of the breakdown, with the people of each step and their share of the start."""

    label: str
    is_muted: bool
    steps: list[tuple[Figure, str]]
    time: str
    width: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One listed person."""

    label: str
    url: str
    device: str
    started: Moment
    reached: Moment
    took: str


def present_funnel(
    funnel: Funnel | None, types: tuple[str, ...], filters: Filters, options: FunnelOptions, context: Context
) -> dict[str, Any]:
    """The editors, and below them the numbers once there are steps."""
    steps = [*options.steps, *[None] * (_EMPTY_STEPS - len(options.steps))]
    form = {
        "editors": [step_fields(step, "step", f"Step {number}") for number, step in enumerate(steps, 1)],
        "new_editor": step_fields(None, "step", "Step"),
        "event_types": types,
        "window": window_text(options.window),
        "windows": WINDOWS,
        "by": options.breakdown,
        "charts": [],
    }
    if funnel is None:
        return form
    return {
        **form,
        "cards": _cards(funnel.total),
        "absent": _absent(funnel.total, types, options),
        "steps": _steps(funnel.total, options, context),
        "step_numbers": range(1, len(options.steps) + 1),
        "values": [_value(one, funnel.total) for one in funnel.breakdown],
        "may_still_convert": filters.range.end + options.window > context.now,
        "listed": _listed_title(options),
        "people": [_person(one, context) for one in funnel.people],
        "pages": page_links(page_url("funnel"), context, options.page, has_more=funnel.has_more),
    }


def _absent(total: Conversion, types: tuple[str, ...], options: FunnelOptions) -> list[str]:
    """The steps' events that are neither of the range nor reached after it."""
    reached = zip(options.steps, total.steps, strict=True)
    names = dict.fromkeys(step.event_type for step, count in reached if not count.people)
    return [name for name in names if name not in types] if len(types) < MOST_TYPES else []


def window_text(window: timedelta) -> str:
    """`7d`, `12h` or `90m`: the largest unit that it is whole in."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h")):
        if not window % unit:
            return f"{window // unit}{name}"
    return f"{window // _MINUTE}m"


def _cards(total: Conversion) -> list[Card]:
    first, last = total.steps[0].people, total.steps[-1].people
    rate = share(last, first)
    time = duration(total.median_time) if total.median_time is not None else "none yet"
    return [
        Card("Started", [make_figure(first)]),
        Card("Converted", [make_figure(last)]),
        Card("Conversion", [Figure(rate, f"{last:,} of {first:,} people")]),
        Card("Median time to convert", [Figure(time, "From the first step to the last")]),
    ]


def _steps(total: Conversion, options: FunnelOptions, context: Context) -> list[StepRow]:
    def link(kind: str, number: int) -> str:
        return page_url("funnel", replaced(context.query, people=[f"{kind}-{number}"], page=[])) + "#people"

    start, rows = total.steps[0].people, []
    for number, (step, count) in enumerate(zip(options.steps, total.steps, strict=True), 1):
        following = total.steps[number].people if number < len(total.steps) else None
        dropped = None if following is None else count.people - following
        before = total.steps[number - 2].people if number > 1 else start
        rows.append(
            StepRow(
                number=number,
                title=step_title(step),
                people=make_figure(count.people),
                share=share(count.people, start),
                kept=share(count.people, before),
                width=f"{100 * count.people / start:.1f}" if start else "0",
                wait="" if count.median_wait is None else duration(count.median_wait),
                dropped=None if dropped is None else make_figure(dropped),
                dropped_share="" if dropped is None else share(dropped, count.people),
                converted_url=link("converted", number),
                dropped_url=link("dropped", number),
            )
        )
    return rows


def _value(row: Conversion, total: Conversion) -> ValueRow:
    start = row.steps[0].people
    return ValueRow(
        label="Other values" if row.is_rest else "(none)" if row.value is None else row.value,
        is_muted=row.is_rest or row.value is None,
        steps=[(make_figure(step.people), share(step.people, start)) for step in row.steps],
        time="" if row.median_time is None else duration(row.median_time),
        width=f"{100 * start / total.steps[0].people:.1f}",
    )


def _listed_title(options: FunnelOptions) -> str:
    if not options.listed:
        return ""
    number = options.listed.step
    title = step_title(options.steps[number - 1])
    if options.listed.converted:
        return f"Reached step {number}: {title}"
    return f"Came to step {number} and no further: {title}"


def _person(one: Attempt, context: Context) -> PersonRow:
    return PersonRow(
        label=one.identity.label,
        url=person_url(one.identity, context),
        device=(one.identity.device_id or "") if one.identity.user_id else "",
        started=make_moment(one.started_on, context.now, context.tz),
        reached=make_moment(one.reached_on, context.now, context.tz),
        took=duration(one.reached_on - one.started_on),
    )
