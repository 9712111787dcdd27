"""Holds the dashboard against the expected truth: every figure, by the stats API."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from analytics_app.simulation.arguments import milliseconds
from analytics_app.simulation.scenario import Funnel
from analytics_app.simulation.stats_client import StatsClient
from analytics_app.simulation.summary import Summary
from analytics_app.simulation.truth import Figures
from brokerlytics.timestamps import format_timestamp, from_milliseconds, parse_timestamp

_LOOK_SECONDS: Final = 1.0
# So long without another row, and the feeder is not waited for any more.
_PATIENCE: Final = 60.0
_MINUTE: Final = 60_000
# Explore has so many series in one answer.
_SERIES_AT_ONCE: Final = 5


class Difference(NamedTuple):
    """A figure that the dashboard shows otherwise."""

    figure: str
    expected: Any
    shown: Any

    def __str__(self) -> str:
        return f"{self.figure}: {self.expected} expected, {self.shown} shown"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the rows of `source` from `begin` to `last` (milliseconds since 1970), in whole minutes."""

    source: str
    begin: int
    last: int

    def query(self, **more: str | list[str]) -> dict[str, str | list[str]]:
        ends = (self.begin // _MINUTE * _MINUTE, (self.last // _MINUTE + 1) * _MINUTE)
        start, end = (format_timestamp(from_milliseconds(at)) for at in ends)
        return {"range": "custom", "from": start, "to": end, "source": self.source, **more}


class VerificationError(Exception):
    """The dashboard does not show what was sent; the message has every difference with both numbers."""


def verify(stats: StatsClient, summary: Summary, source: str, funnel: Funnel) -> int:
    """Wait for the feeder and compare; how many figures agree, which are all.

    Raises StatsError, VerificationError.
    """
    if summary.in_doubt:
        raise VerificationError(f"{summary.in_doubt} events are in doubt, so that nothing can be expected.")
    if summary.last is None:
        raise VerificationError("Nothing was sent, so that there is nothing to expect.")
    begin, last = (milliseconds(parse_timestamp(at)) for at in (summary.start, summary.last))
    question = Question(source, begin, last)
    wait_for_rows(stats, question, summary.expected.events)
    figures = list(_figures(stats, question, summary.expected, funnel))
    found = [Difference(name, wanted, shown) for name, wanted, shown in figures if wanted != shown]
    if found:
        lines = "\n".join(f"  {difference}" for difference in found)
        raise VerificationError(f"{len(found)} of {len(figures)} figures differ:\n{lines}")
    return len(figures)


def wait_for_rows(
    stats: StatsClient, question: Question, events: int, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Until the dashboard has so many events, or gets no more. Raises StatsError."""
    most, quiet = -1, 0.0
    while quiet < _PATIENCE:
        shown = _headline(stats, question)["Events", ""]
        if shown >= events:
            return
        quiet = 0.0 if shown > most else quiet + _LOOK_SECONDS
        most = max(most, shown)
        sleep(_LOOK_SECONDS)


def _figures(
    stats: StatsClient, question: Question, expected: Figures, funnel: Funnel
) -> Iterator[tuple[str, Any, Any]]:
    headline = _headline(stats, question)
    yield "Events", expected.events, headline["Events", ""]
    yield "Unique devices", expected.unique_devices, headline["Unique devices", ""]
    yield "Sessions", expected.sessions, headline["Sessions", ""]
    revenue = {unit: Decimal(value) for (name, unit), value in headline.items() if name == "Revenue"}
    yield from _each("Revenue", expected.revenue, revenue)
    yield from _each("Events of", expected.by_type, _events_by_type(stats, question, list(expected.by_type)))
    [[*_, people, _]] = stats.table("explore", "totals", **question.query(measure1="persons", interval="month"))
    yield "People", expected.unique_people, people
    by_day = stats.table("explore", "series", **question.query(measure1="persons", interval="day"))
    yield from _each("People on", expected.people_by_day, {day[:10]: number for day, number in by_day})
    devices = stats.table("overview", "people", **question.query(interval="day"))
    yield from _each("Unique devices on", expected.devices_by_day, {day[:10]: number for day, number, *_ in devices})
    steps = stats.table(
        "funnel", "steps", **question.query(step=list(funnel.steps), window=f"{funnel.within // 60:.0f}m")
    )
    yield from _each("People who reached", dict(expected.funnel), {step: number for _, step, number, *_ in steps})
    cohorts = stats.table("retention", "retention", **question.query(period="day"))
    yield from _each("New people on", expected.cohorts, {day[:10]: number for day, number, *_ in cohorts})


def _each(figure: str, expected: Mapping[str, Any], shown: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """By name; one that is missing on either side counts as 0."""
    for name in sorted({*expected, *shown}):
        yield f"{figure} {name}", expected.get(name, 0), shown.get(name, 0)


def _headline(stats: StatsClient, question: Question) -> dict[tuple[str, str], Any]:
    rows = stats.table("overview", "headline", **question.query(interval="month"))
    return {(name, unit): value for name, unit, value, _ in rows}


def _events_by_type(stats: StatsClient, question: Question, types: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for first in range(0, len(types), _SERIES_AT_ONCE):
        asked = {f"event{place}": name for place, name in enumerate(types[first : first + _SERIES_AT_ONCE], 1)}
        rows = stats.table("explore", "totals", **question.query(interval="month", **asked))
        found |= {name: total for name, _, _, _, total, _ in rows}
    return found
