"""kill -9 at random moments under load, on a real broker: what was acknowledged is stored, once."""

import random
import signal
import time

import pytest

from tests.feeder.conftest import SEED
from torture.audit import audit
from torture.feeders import Feeders
from torture.load import Load

KILLS = 30

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


def kill_again_and_again(feeders: Feeders, chance: random.Random, kills: int, **faults: str) -> None:
    """Kill feeders of one group; from the middle third on, one of another group claims all partitions as well."""
    second = None
    for number in range(kills):
        if number == kills // 3:
            second = feeders.start("second", **faults)
        first = feeders.start("first", **faults)
        # Some die while they start, most at work.
        if number % 5:
            feeders.wait_for_work(first)
        time.sleep(chance.uniform(0, 0.7))
        if second and chance.random() < 0.3:
            second.kill()
            second = feeders.start("second", **faults)
        first.kill()
        if second and number == 2 * kills // 3:
            second.kill()
            second = None


def test_every_acknowledged_event_is_stored_once(feeders: Feeders, load: Load) -> None:
    with load.running():
        kill_again_and_again(feeders, random.Random(SEED), KILLS)
    last = feeders.drain()
    assert last.returncode == 0, last.log
    # Faults that never hit prove nothing.
    assert feeders.said("never committed") > KILLS // 10
    result = audit(feeders.store, feeders.topic, load.acknowledged)
    assert result.problems == []
    assert load.acknowledged.failed == 0
    assert result.acknowledged == result.stored > 5_000
    assert sum(one.duplicates for one in feeders.checkpoints().values()) == result.repeated > 500
    assert "repeated events not stored again" in last.log


@pytest.mark.parametrize("control", ["no-truncation", "no-memory", "trust-kafka"])
def test_the_control_fails(feeders: Feeders, load: Load, control: str) -> None:
    """Were this protection switched off, the test above would notice, and mostly after few kills."""
    chance, kills = random.Random(SEED), 6

    def goes_wrong() -> bool:
        with load.running():
            kill_again_and_again(feeders, chance, kills, CONTROL=control)
        last = feeders.drain(CONTROL=control)
        return last.returncode == 3 or bool(audit(feeders.store, feeders.topic, load.acknowledged).problems)

    assert any(goes_wrong() for _ in range(KILLS // kills))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_by_signal_is_clean(feeders: Feeders, load: Load, number: signal.Signals) -> None:
    feeder = feeders.start()
    with load.running():
        feeders.wait_for_work(feeder)
        feeder.send(number)
        assert feeder.wait() == 0
    assert "leak" not in feeder.log
    assert not list(feeders.store.glob("state/*/*.open"))
    assert not list(feeders.store.glob("state/feeders/*.json"))
