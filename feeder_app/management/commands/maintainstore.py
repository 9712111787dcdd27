import os
import signal
from argparse import ArgumentTypeError
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from brokerlytics.plain_command import PlainCommand
from feeder_app.maintenance.maintain import maintain, make_plan
from feeder_app.maintenance.plan import MaintenancePolicy
from feeder_app.maintenance.watching import JobStoppedError, JobWatch
from feeder_app.maintenance.workspace import Workspace
from feeder_app.management.telling import told

# Feeders and readers go first.
_NICENESS = 10


class Command(PlainCommand):
    help = (
        "In closed days: merge small segments, compress them (STORE_COMPRESSION), remove days that are older than "
        "STORE_KEEP_DAYS. Readers and feeders may go on meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=_seconds, metavar="SECONDS", help="run on, and do it again that often")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")

    def handle(self, *_: Any, **options: Any) -> None:
        policy = MaintenancePolicy(compression=settings.STORE_COMPRESSION, keep_days=settings.STORE_KEEP_DAYS)
        if options["dry_run"]:
            with told():
                lines = make_plan(settings.STORE_DIR, policy, datetime.now(UTC)).lines()
            self.stdout.write("\n".join(lines) or "Nothing to do.")
            return
        os.nice(_NICENESS)
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with suppress(JobStoppedError), JobWatch(stop.is_set) as watch:
            if options["every"] is None:
                _run(policy, watch)
            while options["every"] and not stop.is_set():
                try:
                    _run(policy, watch)
                except CommandError as error:
                    watch.say(f"Next try in {options['every']:.0f} s. {error}")
                stop.wait(options["every"])


def _run(policy: MaintenancePolicy, watch: JobWatch) -> None:
    now = datetime.now(UTC)
    with told(), Workspace(settings.STORE_DIR, policy.grace, now) as workspace:
        maintain(workspace, policy, watch, now)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 1 <= seconds < 1e9:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds from 1 up")
    return seconds
