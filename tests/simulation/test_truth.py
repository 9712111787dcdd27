"""The expected truth against plain counting over the values that were sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_app.simulation.faults import FaultShares
from analytics_app.simulation.progress import Progress
from tests.simulation.worlds import NAMES, expected, options, reached_from, sent


def figures(**more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    of = options(**more)
    values, simulation = sent(of)
    return simulation.feed.truth.figures()._asdict(), expected(values, of)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_what_is_counted_in_the_values(name: str, seed: int) -> None:
    # A day on which the clocks of Berlin change is within.
    truth, counted = figures(name=name, seed=seed, days=40 if name == "shop" else 8, timezone="Europe/Berlin")
    assert truth == counted
    assert truth["funnel"][-1][1] > 0
    assert truth["unique_people"] < truth["unique_devices"]


def test_with_faults() -> None:
    truth, counted = figures(faults=FaultShares(0.05, 0.05, 0.05, 0.05))
    assert truth == counted


@pytest.mark.parametrize("limit", [1, 17, 1500])
def test_of_any_beginning(limit: int) -> None:
    truth, counted = figures(limit=limit, batch=10)
    assert truth == counted
    assert truth["events"] == limit


def test_at_an_even_rate() -> None:
    truth, counted = figures(limit=3000, rate=100_000.0)
    assert truth["events"] == counted["events"] == 3000
    assert truth["sessions"] == counted["sessions"]


STEPS = ("a", "b", "c")


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(STEPS)), max_size=30), st.integers(1, 40))
def test_a_funnel_is_followed_as_if_from_every_first_step(gaps: list[tuple[int, str]], within: int) -> None:
    time, rows = 0, []
    progress = Progress(len(STEPS))
    for gap, step in gaps:
        time += gap + 1
        rows.append((float(time), step))
        progress.take(STEPS.index(step), time, within)
    assert progress.reached == max((reached_from(rows[at:], STEPS, within) for at in range(len(rows))), default=0)
