"""A whole run: a campaign on one broker, the controls, a campaign on three brokers."""

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from rich.console import Console
from rich.progress import Progress

from brokerlytics.ports import port_is_free
from torture.brokers import Cluster
from torture.campaign import Campaign, new_campaign
from torture.faults import FAULTS
from torture.plan import CONTROLS, WEIGHTS, Step, plan
from torture.report import CampaignResult, Summary, result_of

_CONTROL_STEPS = 20
# Where the machine is busy, kills may all hit feeders that only start, and a control comes through.
_CONTROL_TRIES = 3
# Of the time and the kills, the rest is the three brokers'.
_ONE_BROKER = 0.7
_PLAIN_INTERVAL = 20.0


@dataclass
class Options:
    """`stores` is where the stores go: a small file system of its own, or None for no full disks."""

    minutes: float
    kills: int
    seed: int
    home: Path
    jars: Path
    stores: Path | None
    brokers: tuple[int, ...] = (1, 3)


@dataclass
class Part:
    """Of a run: which faults, for how long at least, and how many kills at least."""

    weights: dict[str, int]
    seconds: float
    kills: float


def torture(options: Options, console: Console) -> Summary:
    """Raises AssertionError when a feeder ends in a way that it must not."""
    began = time.monotonic()
    summary = Summary(options.seed, options.minutes)
    weights = dict(WEIGHTS)
    if options.stores is None:
        del weights["disk full"]
        summary.left_out.append("disk full (this user cannot mount a tmpfs in a namespace of its own)")
    for nodes in options.brokers:
        share = 1.0 if len(options.brokers) == 1 else {1: _ONE_BROKER, 3: 1 - _ONE_BROKER}[nodes]
        with Cluster(options.home / f"kafka-{nodes}", nodes, _free_ports(2 * nodes), options.jars).running() as cluster:
            settings.KAFKA_BOOTSTRAP_SERVERS = cluster.servers
            part = Part(weights, options.minutes * 60 * share, options.kills * share)
            summary.campaigns.append(_campaign(options, cluster, part, console))
            if nodes == 1:
                for control in CONTROLS:
                    summary.controls[control] = _control(options, cluster, control, console)
    summary.minutes = (time.monotonic() - began) / 60
    return summary


def _campaign(options: Options, cluster: Cluster, part: Part, console: Console) -> CampaignResult:
    name = f"torture-{len(cluster.nodes)}"
    stores = options.stores or options.home / "stores"
    with new_campaign(cluster, options.home / name, stores / name, options.seed) as campaign:
        with campaign.load.running():
            _drive(campaign, plan(options.seed, part.weights), part, console)
        audit = campaign.finish()
        audit.problems += verify(campaign)
        result = result_of(campaign, audit)
    if audit.problems:
        shutil.copytree(stores / name / "state", options.home / name / "state")
    shutil.rmtree(stores / name)
    return result


def _drive(campaign: Campaign, steps: Iterator[Step], part: Part, console: Console) -> None:
    """Faults until each has come, the time is over and the kills are done."""
    began = said = time.monotonic()
    campaign.tend()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=1.0)
        while (
            (elapsed := time.monotonic() - began) < part.seconds
            or campaign.kills < part.kills
            or len(campaign.windows) < len(part.weights)
        ):
            step = next(steps)
            line = f"{campaign.kills} kills, {len(campaign.load.acknowledged.names):,} acknowledged, {step.fault}"
            progress.update(task, completed=min(elapsed / (part.seconds or 1), 1.0), description=line)
            if not console.is_terminal and time.monotonic() - said > _PLAIN_INTERVAL:
                said = time.monotonic()
                console.print(f"{elapsed:,.0f} s, {len(campaign.cluster.nodes)} brokers: {line}", highlight=False)
            with campaign.window(step.fault):
                FAULTS[step.fault](campaign, random.Random(step.seed))


def _control(options: Options, cluster: Cluster, control: str, console: Console) -> int:
    """How many problems the audit finds with this protection off; it is tried again while there are none."""
    problems, tries = 0, 0
    while not problems and tries < _CONTROL_TRIES:
        problems = _problems_without(options, cluster, control, tries)
        tries += 1
        console.print(f"Control {control}: {problems:,} problems found.", highlight=False)
    return problems


def _problems_without(options: Options, cluster: Cluster, control: str, number: int) -> int:
    name, seed = f"control-{control}-{number}", options.seed + number
    stores = options.stores or options.home / "stores"
    with new_campaign(cluster, options.home / name, stores / name, seed, control) as campaign:
        with campaign.load.running():
            for step, _ in zip(plan(seed, CONTROLS[control]), range(_CONTROL_STEPS), strict=False):
                FAULTS[step.fault](campaign, random.Random(step.seed))
        problems = len(campaign.finish().problems)
    shutil.rmtree(stores / name)
    return problems


def verify(campaign: Campaign) -> list[str]:
    """What `manage.py verifystore` says against the store, and against the topic."""
    feeders = campaign.feeders
    command = [sys.executable, "manage.py", "verifystore", "--topic", feeders.topic, "--against-topic"]
    done = subprocess.run(
        command, env=feeders.env, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False
    )
    return (
        [] if done.returncode == 0 else [f"verifystore: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"]
    )


def _free_ports(count: int) -> int:
    chance = random.SystemRandom()
    while True:
        first = chance.randrange(10_000, 32_000)
        if all(port_is_free("127.0.0.1", port) for port in range(first, first + count)):
            return first
