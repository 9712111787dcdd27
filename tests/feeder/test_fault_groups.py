"""Feeders that are frozen, and feeders that come and go, under both protocols of consumer groups."""

import random
import signal
import time

import pytest

from tests.feeder.conftest import SEED
from torture.audit import audit
from torture.feeders import FeederProcess, Feeders
from torture.load import Load

# Until the group misses a frozen member.
SESSION = {"KAFKA_SESSION_TIMEOUT_MS": "6000"}
PROTOCOLS = ["classic", "consumer"]

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


def freeze_and_wake(feeders: Feeders, load: Load, **faults: str) -> tuple[FeederProcess, FeederProcess]:
    """A feeder freezes in the middle of a commit, until another one has its partitions, or waits for their locks."""
    with load.running():
        zombie = feeders.start(**SESSION, FAULT="freeze-before write *.open 20", **faults)
        zombie.wait_until(lambda: zombie.frozen)
        other = feeders.start(**SESSION, **faults)
        other.wait_for_log("is given partitions")
        time.sleep(2)
        zombie.send(signal.SIGCONT)
        zombie.wait_until_said("let go at offset")
        feeders.wait_for_work(other, 1000)
    return zombie, other


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_zombie_that_wakes_after_its_partitions_moved_writes_nothing(
    feeders: Feeders, load: Load, protocol: str
) -> None:
    zombie, other = freeze_and_wake(feeders, load, KAFKA_GROUP_PROTOCOL=protocol)
    # The other one reads whom it waits for, and takes over when that one has let go.
    assert f"is held by pid {zombie.pid} since" in other.log
    # The zombie has dropped its part; when the group had given its name away, it ends to be started again.
    assert "let go at offset" in zombie.log
    if zombie.returncode is not None:
        assert zombie.returncode == 1
        assert "Static consumer fenced" in zombie.log
    assert other.returncode is None, other.log
    for feeder in (zombie, other):
        feeder.stop()
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


def test_the_control_without_the_lock_fails(feeders: Feeders, load: Load) -> None:
    """Membership of the group alone does not keep a zombie from writing."""
    # Most do harm; one that hears of it from the group first does none.
    assert any(a_zombie_does_harm(feeders, load) for _ in range(8))


def a_zombie_does_harm(feeders: Feeders, load: Load) -> bool:
    for feeder in freeze_and_wake(feeders, load, CONTROL="no-lock"):
        feeder.stop()
    last = feeders.drain(CONTROL="no-lock")
    return last.returncode != 0 or bool(audit(feeders.store, feeders.topic, load.acknowledged).problems)


def come_and_go(feeders: Feeders, chance: random.Random, times: int, **faults: str) -> None:
    """Up to three feeders of one group; those that go are killed or stop by themselves."""
    running = [feeders.start(**faults) for _ in range(3)]
    feeders.wait_for_work(running[0], 200)
    for _ in range(times):
        going = running.pop(chance.randrange(len(running)))
        if chance.random() < 0.5:
            going.kill()
        else:
            # A stop that comes before Django is up is a plain end.
            assert going.stop() in (0, -signal.SIGTERM), going.log
        if chance.random() < 0.7 or not running:
            running.append(feeders.start(**faults))
        if len(running) < 3 and chance.random() < 0.7:
            running.append(feeders.start(**faults))
        time.sleep(chance.uniform(0.2, 1.5))
    for feeder in running:
        assert feeder.stop() in (0, -signal.SIGTERM), feeder.log


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_three_feeders_come_and_go(feeders: Feeders, load: Load, protocol: str) -> None:
    chance = random.Random(SEED)

    def hand_over() -> bool:
        come_and_go(feeders, chance, 8, KAFKA_GROUP_PROTOCOL=protocol)
        return feeders.said("hands over partitions") > 2

    with load.running():
        # On a busy machine many go before they have anything to hand over.
        assert any(hand_over() for _ in range(5))
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []


def test_a_killed_feeder_is_followed_at_once_or_when_its_session_is_over(feeders: Feeders, load: Load) -> None:
    """Classic: the successor has its name. KIP-848: it is another member, and no name is in its way."""
    load.send(100)
    load.finish()
    for protocol in PROTOCOLS:
        first = feeders.start(protocol, KAFKA_GROUP_PROTOCOL=protocol)
        first.wait_for_log("is given partitions")
        first.kill()
        second = feeders.start(protocol, KAFKA_GROUP_PROTOCOL=protocol)
        second.wait_for_log("is given partitions")
        assert second.stop() == 0, second.log
    assert feeders.drain().returncode == 0
    assert audit(feeders.store, feeders.topic, load.acknowledged).problems == []
