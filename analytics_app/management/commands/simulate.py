"""`simulate` sends the events of made-up visitors."""

import secrets
import signal
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from analytics_app.body import MAX_EVENTS
from analytics_app.models import Source
from analytics_app.simulation.display import Bar, Display, Lines
from analytics_app.simulation.journeys import events
from analytics_app.simulation.pacing import Pace
from analytics_app.simulation.runner import Simulation, run
from analytics_app.simulation.runs import SOURCE_NAME
from analytics_app.simulation.sinks import ApiSink, KafkaSink, Sink, SinkError
from brokerlytics.timestamps import format_timestamp, parse_timestamp

_N = TypeVar("_N", int, float)


class Command(BaseCommand):
    help = "Send the events of made-up visitors, until Ctrl-C unless --duration or --limit is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        seed, start = "the same seed and start give the same events", "of the first event, ISO 8601; now when missing"
        parser.add_argument("--users", type=_number(int, 1, 1_000_000), default=100, help="number of visitors (100)")
        parser.add_argument("--rate", type=_number(float, 0.001, 100_000), default=10.0, help="events per second (10)")
        parser.add_argument("--duration", type=_number(float, 0.001, 1e9), metavar="SECONDS")
        parser.add_argument("--limit", type=_number(int, 1, 10**12), metavar="EVENTS")
        parser.add_argument("--seed", type=_number(int, 0, 2**63 - 1), help=f"{seed}; random when missing")
        parser.add_argument("--start", type=_time, help=f"the time {start}")
        parser.add_argument("--sink", choices=["api", "kafka"], default="api", help="over HTTP, or without it (api)")
        parser.add_argument("--url", help="the server (http://127.0.0.1:$PORT)")
        parser.add_argument("--write-key", help="the key of the first enabled source when missing")
        parser.add_argument(
            "--batch", type=_number(int, 1, MAX_EVENTS), default=500, help="events per request at most (500)"
        )

    def handle(self, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        seed = secrets.randbelow(2**32) if options["seed"] is None else options["seed"]
        start = options["start"] or timezone.now()
        self.stdout.write(f"Simulation of {options['users']} visitors, seed {seed}, start {format_timestamp(start)}")
        self._run(options, seed, start, stop)

    def _run(self, options: dict[str, Any], seed: int, start: datetime, stop: threading.Event) -> None:
        sink = _sink(options)
        started = time.monotonic()
        rate: float = options["rate"]
        simulation = Simulation(
            events(seed, options["users"], start, rate),
            Pace(rate, started),
            sink,
            total=_total(rate, options["duration"], options["limit"]),
            batch=options["batch"],
        )
        try:
            with self._display() as display:
                run(simulation, stop, display.show)
        except SinkError as error:
            raise CommandError(str(error)) from None
        finally:
            sink.close()
            self._summarize(simulation, time.monotonic() - started, rate)

    def _display(self) -> Display:
        return Bar() if self.stdout.isatty() else Lines(self.stdout.write)

    def _summarize(self, simulation: Simulation, seconds: float, rate: float) -> None:
        self.stdout.write("\n".join(simulation.summary.lines(seconds, rate)))
        if simulation.unsent:
            self.stdout.write(f"Not acknowledged when it was stopped: {simulation.unsent}")


def _sink(options: dict[str, Any]) -> Sink:
    if options["sink"] == "kafka":
        return KafkaSink(SOURCE_NAME)
    url = options["url"] or f"http://127.0.0.1:{settings.PORT}"
    return ApiSink(url, options["write_key"] or _first_write_key())


def _first_write_key() -> str:
    try:
        source = Source.objects.enabled().order_by("pk").first()
    except OperationalError as error:
        raise CommandError(f"The database is not ready ({error}); run `python manage.py migrate`.") from None
    if source is None:
        raise CommandError("No source is enabled; make one with `python manage.py createsource NAME`.")
    return source.write_key


def _total(rate: float, duration: float | None, limit: int | None) -> int | None:
    limits = [limit] if limit is not None else []
    if duration is not None:
        limits.append(max(1, round(rate * duration)))
    return min(limits, default=None)


def _number(kind: Callable[[str], _N], lowest: float, highest: float) -> Callable[[str], _N]:
    def parse(text: str) -> _N:
        try:
            value = kind(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a number.") from None
        if not lowest <= value <= highest:
            raise ArgumentTypeError(f"{text} is not between {lowest:g} and {highest:g}.")
        return value

    return parse


def _time(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is no ISO 8601 time such as 2026-08-22T09:30:00Z.") from None
