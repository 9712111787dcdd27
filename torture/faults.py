"""What can be done to a campaign: one function a fault, each drives chance alone and leaves it working."""

import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

from brokerlytics.checkpoint import SLOT_BYTES, read_checkpoint
from brokerlytics.store import partitions_in
from torture.campaign import Campaign
from torture.feeders import FeederProcess

STEPS: Final = {
    "half of the rows": "kill-half write *.open",
    "rows written": "kill-after write *.open",
    "rows synced": "kill-after fdatasync *.open",
    "half of a dead letter": "kill-half write dead-letters.*",
    "dead letters written": "kill-after write dead-letters.*",
    "dead letters synced": "kill-after fdatasync dead-letters.*",
    "half of a checkpoint": "kill-half pwrite CKPT",
    "checkpoint written": "kill-after pwrite CKPT",
    "checkpoint synced": "kill-after fdatasync CKPT",
    "segment made": "kill-after fsync *-000?",
    "before the rename": "kill-before rename *.csv",
    "renamed": "kill-after rename *.csv",
    "data directory synced": "kill-after fsync date=*",
}
WRITE_ERRORS: Final = ("EIO write *.open", "EIO write dead-letters.*", "EIO pwrite CKPT", "EIO rename *.csv")
FSYNC_ERRORS: Final = (
    "EIO fdatasync *.open",
    "EIO fdatasync *.open",
    "EIO fdatasync dead-letters.*",
    "EIO fdatasync CKPT",
    "EIO fsync date=*",
)
_PATIENCE = 8.0
_ZEROS: Final = bytes(1 << 20)


def _kill(campaign: Campaign, chance: random.Random) -> None:
    victim = campaign.pick(chance)
    time.sleep(chance.uniform(0, 0.6))
    campaign.kill(victim)
    campaign.tend()


def _kill_at_step(campaign: Campaign, chance: random.Random) -> None:
    fault = chance.choice(list(STEPS.values()))
    campaign.kill(campaign.pick(chance))
    doomed = campaign.start(FAULT=f"{fault} {chance.randint(1, 12)}")
    _wait_for_end(doomed, _PATIENCE)
    if doomed.returncode == -signal.SIGKILL:
        campaign.kills += 1
        campaign.running.remove(doomed)
    else:
        campaign.kill(doomed)
    campaign.tend()


def _freeze(campaign: Campaign, chance: random.Random) -> None:
    """Some wake before the group misses them, some after."""
    zombie = campaign.pick(chance)
    if chance.random() < 0.5:
        # In the middle of a commit.
        campaign.kill(zombie)
        zombie = campaign.start(FAULT=f"freeze-before write *.open {chance.randint(3, 9)}")
        deadline = time.monotonic() + _PATIENCE
        while zombie.returncode is None and not zombie.frozen and time.monotonic() < deadline:
            time.sleep(0.05)
    zombie.send(signal.SIGSTOP)
    campaign.freezes += 1
    time.sleep(chance.choice([0.5, 2.0, 7.0, 9.0]))
    zombie.send(signal.SIGCONT)
    campaign.work(_PATIENCE)


def _come_and_go(campaign: Campaign, chance: random.Random) -> None:
    campaign.size = chance.randint(1, 3)
    while len(campaign.running) > campaign.size:
        going = campaign.running.pop(chance.randrange(len(campaign.running)))
        going.stop()
    campaign.tend()
    campaign.work(_PATIENCE)


def _rival(campaign: Campaign, chance: random.Random) -> None:
    """A feeder of another group claims all partitions: the locks alone keep the two apart."""
    rival = campaign.feeders.start("rival", **({"CONTROL": campaign.control} if campaign.control else {}))
    campaign.work(_PATIENCE)
    campaign.kill(campaign.pick(chance))
    time.sleep(chance.uniform(0, 2))
    campaign.kill(rival)
    campaign.tend()


def _write_error(campaign: Campaign, chance: random.Random) -> None:
    _fail(campaign, chance, WRITE_ERRORS)


def _fsync_error(campaign: Campaign, chance: random.Random) -> None:
    _fail(campaign, chance, FSYNC_ERRORS)


def _fail(campaign: Campaign, chance: random.Random, errors: Sequence[str]) -> None:
    campaign.kill(campaign.pick(chance))
    failing = campaign.start(FAULT=f"{chance.choice(errors)} {chance.randint(1, 6)}")
    _wait_for_end(failing, _PATIENCE)
    campaign.tend()


def _torn_slots(campaign: Campaign, chance: random.Random) -> None:
    """The newest slot of some checkpoints is damaged while nobody runs."""
    campaign.work(_PATIENCE)
    for feeder in list(campaign.running):
        campaign.kill(feeder)
    for paths in partitions_in(campaign.feeders.store, campaign.feeders.topic):
        if chance.random() < 0.5:
            damage_newest_slot(paths.checkpoint, chance.randrange(8, 60))
    campaign.tend()
    campaign.work(_PATIENCE)


def damage_newest_slot(path: Path, byte: int) -> None:
    """Turn one bit of the newest slot."""
    if newest := read_checkpoint(path):
        content = bytearray(path.read_bytes())
        start = newest.sequence % 2 * SLOT_BYTES
        # The control has the first slot only.
        content[(start if any(content[start : start + SLOT_BYTES]) else 0) + byte] ^= 1
        path.write_bytes(content)


def _disk_full(campaign: Campaign, chance: random.Random) -> None:
    """The store's file system has no room until a feeder has met it, or some seconds went by."""
    filler = campaign.feeders.store / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(_ZEROS)
    deadline = time.monotonic() + _PATIENCE
    before = campaign.feeders.said("Disk full")
    while time.monotonic() < deadline and campaign.feeders.said("Disk full") == before:
        time.sleep(0.1)
    if chance.random() < 0.5:
        campaign.kill(campaign.pick(chance))
    filler.unlink()
    campaign.tend()
    campaign.work(_PATIENCE)


def _broker(campaign: Campaign, chance: random.Random) -> None:
    """The only broker, or the leader of a partition, dies and comes back."""
    topic = campaign.feeders.topic
    broker = campaign.cluster.leader(topic, chance.randrange(6))
    broker.kill()
    campaign.broker_kills += 1
    time.sleep(chance.uniform(1, 5))
    broker.start()
    broker.wait_ready(Event())
    campaign.work(2 * _PATIENCE)


def _clock(campaign: Campaign, chance: random.Random) -> None:
    campaign.clock.write_text(str(chance.uniform(-24, 24) * 3600))
    campaign.work(_PATIENCE)


def _protocol(campaign: Campaign, chance: random.Random) -> None:
    """All feeders go, and others come with the other protocol of groups."""
    for feeder in list(campaign.running):
        campaign.kill(feeder)
    campaign.protocol = {"classic": "consumer", "consumer": "classic"}[campaign.protocol]
    campaign.size = chance.randint(1, 3)
    campaign.tend()
    campaign.work(2 * _PATIENCE)


def _wait_for_end(feeder: FeederProcess, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while feeder.returncode is None and time.monotonic() < deadline:
        time.sleep(0.05)


FAULTS: Final[Mapping[str, Callable[[Campaign, random.Random], None]]] = {
    "kill -9": _kill,
    "kill -9 at a step": _kill_at_step,
    "frozen and woken": _freeze,
    "come and go": _come_and_go,
    "rival group": _rival,
    "write errors": _write_error,
    "fsync errors": _fsync_error,
    "torn checkpoint slots": _torn_slots,
    "disk full": _disk_full,
    "broker killed": _broker,
    "clock jumps": _clock,
    "other protocol": _protocol,
}
