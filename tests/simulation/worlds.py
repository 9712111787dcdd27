"""Small simulations for the tests, and what is read out of their events by other means than the simulator's."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from analytics_app.simulation.faults import NO_FAULTS, FaultShares
from analytics_app.simulation.journeys import SimEvent
from analytics_app.simulation.options import RunOptions, open_simulation
from analytics_app.simulation.runner import Simulation
from analytics_app.simulation.scenario import Scenario
from analytics_app.simulation.scenario_file import SHIPPED, load
from analytics_app.simulation.sending import Message, SendResult, Sink
from analytics_app.simulation.stream import Plan, open_stream

NAMES = ("shop", "saas", "game")
START = 1_790_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
SILENCE = 30 * 60


def scenario(name: str = "shop", *, users: int = 40, **people: Any) -> Scenario:
    """A shipped one with few people, who do much."""
    found = load(SHIPPED / f"{name}.yaml")
    busy = {"sessions_per_week": 20.0, "second_device": 0.4, "new_per_day": 10.0}
    return replace(found, people=replace(found.people, initial=users, **(busy | people)))


def options(
    name: str = "shop", *, seed: int = 1, days: float = 5, faults: FaultShares = NO_FAULTS, **more: Any
) -> RunOptions:
    return RunOptions(
        scenario=more.pop("scenario", None) or scenario(name),
        seed=seed,
        start=START,
        end=START + int(days * DAY),
        timezone=more.pop("timezone", "UTC"),
        faults=faults,
        **more,
    )


def events(plan: Plan, processes: int = 1) -> list[SimEvent]:
    with open_stream(plan, processes) as chunks:
        return list(chain.from_iterable(chunks))


class ListSink(Sink):
    """Keeps everything, except for what `answers` says."""

    def __init__(self, *answers: str, source: str | None = "simulation") -> None:
        self.source = source
        self.batches: list[list[Message]] = []
        self.answers = list(answers)

    @property
    def values(self) -> list[bytes]:
        return [value for batch in self.batches for _, value in batch]

    def send(self, messages: list[Message]) -> SendResult:
        self.batches.append(messages)
        match self.answers.pop(0) if self.answers else "accept":
            case "away":
                return SendResult(retry=messages, retry_after=3.0, problem="away")
            case "first rejected":
                return SendResult(accepted=len(messages) - 1, rejected=Counter({"invalid_value": 1}))
            case _:
                return SendResult(accepted=len(messages))

    def close(self) -> None: ...


def sent(of: RunOptions) -> tuple[list[bytes], Simulation]:
    """Run to the end; the values that were sent."""
    sink = ListSink()
    with open_simulation(of, sink) as simulation:
        while not simulation.done:
            simulation.step()
    return sink.values, simulation


def decoded(values: list[bytes]) -> list[dict[str, Any]]:
    """Each event once, those that are none left out, by the time at which they happened."""
    by_id: dict[str, dict[str, Any]] = {}
    for value in values:
        event = msgspec.json.decode(value)
        if "broken" not in event["event_id"]:
            by_id.setdefault(event["event_id"], event)
    return sorted(by_id.values(), key=lambda event: str(event["created_on"]).replace("Z", ".000000Z")[:26])


def person_of(rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its person, by the words of docs/metrics.md."""
    users: dict[str, str] = {}
    for row in rows:
        if "user_id" in row:
            users.setdefault(row["device_id"], row["user_id"])
    for row in rows:
        yield row.get("user_id") or users.get(row["device_id"]) or f"device {row['device_id']}", row


def local_day(row: dict[str, Any], timezone: str) -> str:
    return moment(row).astimezone(ZoneInfo(timezone)).date().isoformat()


def moment(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["created_on"]).astimezone(UTC)


def expected(values: list[bytes], of: RunOptions) -> dict[str, Any]:
    """The figures of the truth, counted slowly and plainly from the values."""
    rows = decoded(values)
    persons = list(person_of(rows))
    days: dict[str, set[str]] = defaultdict(set)
    device_days: dict[str, set[str]] = defaultdict(set)
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for person, row in persons:
        day = local_day(row, of.timezone)
        days[day].add(person)
        device_days[day].add(row["device_id"])
        if "revenue" in row:
            revenue[row["currency"]] += Decimal(str(row["revenue"]))
    first: dict[str, str] = {}
    for person, row in persons:
        first.setdefault(person, local_day(row, of.timezone))
    return {
        "events": len(rows),
        "by_type": dict(Counter(row["event_type"] for row in rows)),
        "unique_people": len({person for person, _ in persons}),
        "unique_devices": len({row["device_id"] for row in rows}),
        "people_by_day": {day: len(found) for day, found in days.items()},
        "devices_by_day": {day: len(found) for day, found in device_days.items()},
        "sessions": sessions(persons),
        "revenue": dict(revenue),
        "funnel": funnel(persons, of.scenario.funnel.steps, of.scenario.funnel.within),
        "cohorts": dict(sorted(Counter(first.values()).items())),
    }


def sessions(persons: list[tuple[str, dict[str, Any]]]) -> int:
    named = {(person, row["session_id"]) for person, row in persons if "session_id" in row}
    last: dict[str, datetime] = {}
    found = len(named)
    for person, row in persons:
        if "session_id" not in row:
            now = moment(row)
            found += person not in last or (now - last[person]).total_seconds() > SILENCE
            last[person] = now
    return found


def funnel(persons: list[tuple[str, dict[str, Any]]], steps: tuple[str, ...], within: float) -> list[tuple[str, int]]:
    """From every first step anew: the slow way."""
    own: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for person, row in persons:
        if row["event_type"] in steps:
            own[person].append((moment(row).timestamp(), row["event_type"]))
    best = {
        person: max((reached_from(rows[at:], steps, within) for at in range(len(rows))), default=0)
        for person, rows in own.items()
    }
    return [(step, sum(reached > at for reached in best.values())) for at, step in enumerate(steps)]


def reached_from(rows: list[tuple[float, str]], steps: tuple[str, ...], within: float) -> int:
    if rows[0][1] != steps[0]:
        return 0
    begun, reached = rows[0][0], 0
    for time, kind in rows:
        if reached < len(steps) and kind == steps[reached] and round(time - begun, 3) <= within:
            reached += 1
    return reached
