"""What a run has achieved: the counts of what was sent, and the expected truth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from analytics_app.simulation.options import RunOptions
from analytics_app.simulation.runner import Simulation
from analytics_app.simulation.truth import Figures
from brokerlytics.timestamps import format_timestamp, from_milliseconds

_LISTED_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class Summary:
    """`in_doubt` events are in the figures although nobody acknowledged them before the end."""

    scenario: str
    seed: int
    start: str
    last: str | None
    timezone: str
    funnel: str
    seconds: float
    target_rate: float | None
    rate: float
    accepted: int
    rejected: dict[str, int]
    tried_again: int
    in_doubt: int
    duplicates: int
    late: int
    out_of_order: int
    malformed: int
    latency_ms: dict[str, float]
    expected: Figures

    def json(self) -> bytes:
        """The document of --summary; money is text, so that it stays exact."""
        expected = self.expected._asdict() | {"funnel": dict(self.expected.funnel)}
        return msgspec.json.format(msgspec.json.encode(asdict(self) | {"expected": expected}))

    def lines(self) -> list[str]:
        """For people; of many days only how many there were, and the least and the most of one."""
        wanted = f" of {self.target_rate:,.1f} wanted" if self.target_rate is not None else ""
        expected = self.expected
        return [
            f"Accepted: {self.accepted} events in {self.seconds:.1f} s, {self.rate:,.1f} per second{wanted}",
            f"Rejected: {sum(self.rejected.values())}{_listed(self.rejected)}",
            f"Tried again: {self.tried_again}",
            *([f"Not acknowledged when it was stopped: {self.in_doubt}"] if self.in_doubt else []),
            *_fault_lines(self),
            f"Latency: {', '.join(f'{name} {value:.0f} ms' for name, value in self.latency_ms.items()) or 'none'}",
            "What the dashboard has to show of it:",
            f"  Events: {expected.events}",
            *(f"    {name}: {number}" for name, number in expected.by_type.items()),
            f"  People: {expected.unique_people}, devices: {expected.unique_devices}",
            f"  Sessions: {expected.sessions}",
            *_indented("Revenue", {name: f"{amount:,.2f}" for name, amount in expected.revenue.items()}),
            *_indented(f"Funnel {self.funnel}", dict(expected.funnel)),
            *_by_day("People by day", expected.people_by_day),
            *_by_day("New people by day", expected.cohorts),
        ]


def summarize(options: RunOptions, simulation: Simulation) -> Summary:
    """The summary of a run, at its end or while it goes on."""
    feed, seconds = simulation.feed, max(simulation.seconds, 0.001)
    counts = feed.faults.counts
    target = feed.target(simulation.started + seconds)
    ended = simulation.done and feed.limit is not None
    latencies = simulation.latencies.percentiles(50, 95, 99)
    return Summary(
        scenario=options.scenario.name,
        seed=options.seed,
        start=_time(options.begin),
        last=None if feed.time is None else _time(feed.time),
        timezone=options.timezone,
        funnel=options.scenario.funnel.name,
        seconds=round(seconds, 3),
        target_rate=options.rate if target is None or ended else round(target / seconds, 3),
        rate=round(simulation.accepted / seconds, 3),
        accepted=simulation.accepted,
        rejected=dict(simulation.rejected.most_common()),
        tried_again=simulation.tried_again,
        in_doubt=simulation.unsent,
        duplicates=counts.duplicates,
        late=counts.late,
        out_of_order=counts.out_of_order,
        malformed=counts.malformed,
        latency_ms={f"p{at}": round(of * 1000, 1) for at, of in zip((50, 95, 99), latencies, strict=False)},
        expected=feed.truth.figures(),
    )


def _fault_lines(summary: Summary) -> list[str]:
    faults = {
        "duplicates": summary.duplicates,
        "late": summary.late,
        "out of order": summary.out_of_order,
        "malformed": summary.malformed,
    }
    return (
        [f"Faults: {', '.join(f'{name} {number}' for name, number in faults.items())}"] if any(faults.values()) else []
    )


def _listed(codes: dict[str, int]) -> str:
    return f" ({', '.join(f'{code} {number}' for code, number in codes.items())})" if codes else ""


def _indented(title: str, rows: Mapping[str, Any]) -> list[str]:
    return [f"  {title}:", *(f"    {name}: {value}" for name, value in rows.items())] if rows else [f"  {title}: none"]


def _by_day(title: str, days: Mapping[str, int]) -> list[str]:
    if len(days) <= _LISTED_DAYS:
        return _indented(title, days)
    return [f"  {title}: {min(days.values())} to {max(days.values())} on {len(days)} days"]


def _time(milliseconds: int) -> str:
    return format_timestamp(from_milliseconds(milliseconds))
