"""`simulate` sends the events of made-up people, and says what the dashboard has to show of them."""

import secrets
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from django.utils import timezone
from rich.console import Console

from analytics_app.simulation.arguments import ArgumentsError, add_arguments, on_and_on, run_options
from analytics_app.simulation.continued import StateError
from analytics_app.simulation.display import Display, Lines, Panel, Quiet
from analytics_app.simulation.feeder_lag import feeder_lag
from analytics_app.simulation.launch import Launch
from analytics_app.simulation.opening import open_sink, source_name
from analytics_app.simulation.scenario import Scenario
from analytics_app.simulation.scenario_file import ScenarioError, find, load, shipped
from analytics_app.simulation.sending import SinkError
from analytics_app.simulation.stats_client import StatsError, open_stats
from analytics_app.simulation.stream import StreamError
from analytics_app.simulation.summary import Summary
from analytics_app.simulation.verification import VerificationError, verify
from brokerlytics.plain_command import PlainCommand
from brokerlytics.web import base_url


class Command(PlainCommand):
    help = "Send the events of made-up people: live until Ctrl-C, or a backfill of history. docs/simulate.md has more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, **options: Any) -> None:
        if options["action"] == "list":
            for path in shipped():
                self.stdout.write(f"{path.stem:6} {load(path).title}\n       {path}")
            return
        scenario = _load(options["scenario"])
        if options["action"] == "validate":
            self.stdout.write(f"{options['scenario']} is a scenario with {len(scenario.states)} states.")
            return
        self._simulate(options, scenario)

    def _simulate(self, options: dict[str, Any], scenario: Scenario) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        # Standard output may be what the events go to.
        to_stderr = _writes_to_stdout(options)
        out = self.stderr if to_stderr else self.stdout
        launch = Launch(
            say=lambda text: out.write(text, style_func=str),
            display=lambda: _display(options["progress"], out, to_stderr=to_stderr),
            stop=stop,
        )
        seed = secrets.randbelow(2**32) if options["seed"] is None else options["seed"]
        try:
            found = run_options(options, scenario, seed, timezone.now(), settings.TIME_ZONE)
            summary = launch.run_on(found, options) if on_and_on(options) else launch.run(found, open_sink(options))
        except (ArgumentsError, SinkError, StateError, StreamError) as error:
            raise CommandError(str(error)) from None
        if options["summary"]:
            _write_summary(Path(options["summary"]), summary)
        if options["verify"]:
            self.stdout.write(_verify(options, summary, scenario))


def _load(name: str) -> Scenario:
    try:
        return load(find(name))
    except (ScenarioError, FileNotFoundError) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None


def _display(progress: str, out: OutputWrapper, *, to_stderr: bool) -> Display:
    def lag() -> int | None:
        return feeder_lag(timezone.now())

    if progress == "none":
        return Quiet()
    if progress == "panel" or (progress == "auto" and out.isatty()):
        return Panel(Console(stderr=to_stderr), lag)
    return Lines(lambda line: out.write(line, style_func=str), lag)


def _verify(options: dict[str, Any], summary: Summary, scenario: Scenario) -> str:
    try:
        with open_stats(options["url"] or base_url()) as stats:
            agreeing = verify(stats, summary, source_name(options), scenario.funnel)
    except (SinkError, StatsError, VerificationError) as error:
        raise CommandError(f"Not verified. {error}") from None
    return f"Verified: the dashboard shows all {agreeing} figures as expected."


def _writes_to_stdout(options: dict[str, Any]) -> bool:
    return options["sink"] in ("csv", "stdout") and options["output"] is None and not options["dry_run"]


def _write_summary(path: Path, summary: Summary) -> None:
    try:
        path.write_bytes(summary.json() + b"\n")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
