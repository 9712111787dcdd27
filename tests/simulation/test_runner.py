"""Pacing, the loop in single steps, and what is shown."""

import threading
from datetime import UTC, datetime

import pytest

from analytics_app.simulation.display import Lines, status, time_left
from analytics_app.simulation.faults import NO_FAULTS, Faults, FaultShares
from analytics_app.simulation.feed import Feed
from analytics_app.simulation.pacing import AtOnce, Even, Natural, Schedule, wait
from analytics_app.simulation.runner import Simulation, run
from analytics_app.simulation.stamps import Stamp
from analytics_app.simulation.stream import Plan, open_stream
from analytics_app.simulation.truth import Truth
from tests.simulation.worlds import DAY, START, ListSink, events, scenario

PLAN = Plan(scenario(), 1, START, START + DAY)
MADE = events(PLAN)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def simulation(
    sink: ListSink,
    clock: Clock,
    schedule: Schedule | None = None,
    *,
    limit: int | None = None,
    batch: int = 100,
    faults: FaultShares = NO_FAULTS,
) -> Simulation:
    with open_stream(PLAN, 1) as chunks:
        feed = Feed(
            chunks,
            schedule or Even(START, 10.0, 100.0),
            Faults(faults, 1),
            Stamp(sink.source),
            Truth(PLAN.scenario, "UTC"),
            limit=limit,
        )
    return Simulation(feed, sink, batch, clock)


@pytest.mark.parametrize(
    ("rate", "now", "due"), [(10, 100.0, 1), (10, 100.05, 1), (10, 101.0, 11), (0.5, 101.9, 1), (10, 99.0, 0)]
)
def test_what_is_due_at_a_rate(rate: float, now: float, due: int) -> None:
    assert Even(START, rate, 100.0).due(MADE, 0, now) == due


def test_what_is_due_by_its_own_time() -> None:
    natural = Natural(START, 60.0, 100.0)
    first = (MADE[0][0] - START) / 60_000
    assert natural.due(MADE, 0, 100.0 + first - 0.01) == 0
    assert natural.due(MADE, 0, 100.0 + first + 0.01) >= 1
    assert natural.due(MADE, 0, 100.0 + 86_400 / 60) == len(MADE)
    assert AtOnce().due(MADE, 0, 0.0) == len(MADE)


def test_the_clock_goes_on_when_nothing_happens() -> None:
    clock = Clock()
    steps = simulation(ListSink(), clock, Natural(START, 60.0, 100.0))
    steps.step()
    clock.now = 101.5
    shown = datetime.fromtimestamp(START / 1000 + 90, UTC).isoformat()[:19]
    assert status(steps, 0.0, None)["clock"] == shown
    assert Even(START, 0.1, 100.0).clock(101.5) == START + 1500
    backfill = simulation(ListSink(), clock, AtOnce(), limit=5)
    assert status(backfill, 0.0, None)["clock"] == "-"
    backfill.step()
    assert backfill.feed.clock(clock.now) == backfill.feed.time


def test_when_to_look_again() -> None:
    assert wait(100.5, 100.0) == 0.5
    assert wait(100.001, 100.0) == 0.1  # gather a slice
    assert wait(99.0, 100.0) == wait(None, 100.0) == 0.0  # behind


def test_the_schedule_does_not_wait_for_the_sink() -> None:
    sink, clock = ListSink(), Clock()
    steps = simulation(sink, clock)
    steps.step()
    clock.now = 102.0
    steps.step()
    assert [len(batch) for batch in sink.batches] == [1, 20]
    assert status(steps, 10.0, 7) | {"clock": "", "p50/p95/p99": ""} == {
        "clock": "",
        "sent": "21 of 21 due",
        "accepted": "21",
        "rejected": "0",
        "retried": "0",
        "events/s": "10.0",
        "p50/p95/p99": "",
        "feeder lag": "7",
    }


def test_a_latency_counts_from_when_it_was_due() -> None:
    clock = Clock()
    steps = simulation(ListSink(), clock)
    steps.step()
    clock.now = 103.0
    steps.step()
    assert steps.latencies.percentiles(99) == [pytest.approx(2.9)]


def test_a_batch_is_bounded_whatever_the_faults() -> None:
    sink, clock = ListSink(), Clock()
    clock.now = 101.5
    steps = simulation(sink, clock, limit=40, batch=8, faults=FaultShares(malformed=0.5))
    while not steps.done:
        steps.step()
        clock.now += 1
    assert max(len(batch) for batch in sink.batches) == 8


def test_what_was_not_acknowledged_is_sent_again_with_the_same_bytes() -> None:
    sink, clock = ListSink("away", "away"), Clock()
    steps = simulation(sink, clock, limit=3)
    clock.now = 101.0
    assert steps.step() == 3.0
    assert (steps.problem, steps.unsent, steps.done) == ("away", 3, False)
    for _ in range(3):
        steps.step()
    assert sink.batches == [sink.batches[0]] * 3
    assert steps.done
    assert (steps.accepted, steps.tried_again, steps.problem) == (3, 6, "")


def test_rejected_events_are_counted_by_code() -> None:
    clock = Clock()
    steps = simulation(ListSink("first rejected"), clock, limit=3)
    clock.now = 101.0
    steps.step()
    assert (steps.accepted, dict(steps.rejected)) == (2, {"invalid_value": 1})


def test_a_run_that_is_stopped_sends_what_is_held_back() -> None:
    stop, sink = threading.Event(), ListSink()
    steps = simulation(sink, Clock(), AtOnce(), batch=200, faults=FaultShares(late=0.5))
    run(steps, stop, lambda _: stop.set())
    assert steps.done
    assert steps.accepted == steps.feed.taken == 200
    assert len(set(sink.values)) == 200


def test_a_run_that_is_stopped_gives_up_after_a_while() -> None:
    stop, clock = threading.Event(), Clock()
    steps = simulation(ListSink(*["away"] * 99), clock)

    def observe(_: Simulation) -> None:
        stop.set()
        clock.now += 20

    run(steps, stop, observe)
    assert (steps.done, steps.unsent) == (False, 1)


def test_when_everybody_has_left_it_is_over() -> None:
    lonely = Plan(scenario(users=5, new_per_day=0.0, churn=1.0), 1, START)
    assert {event[1] for event in events(lonely)} == set(range(5))
    assert events(lonely, 2) == events(lonely)


def test_time_that_is_left() -> None:
    clock = Clock()
    steps = simulation(ListSink(), clock, limit=40)
    clock.now = 101.0
    steps.step()
    assert time_left(steps) == "0:02"


def test_a_log_gets_a_line_now_and_then() -> None:
    lines: list[str] = []
    clock = Clock()
    steps = simulation(ListSink("accept", "away"), clock)
    display = Lines(lines.append, lambda: None, clock)
    for now in (100.9, 105.0, 106.0, 110.0):
        clock.now = now
        steps.step()
        display.show(steps)
    assert [line.split(" | ")[0] for line in lines] == ["Waiting: away", lines[1].split(" | ")[0]]
    assert f" | accepted {steps.accepted} | " in lines[1]
