import re
import signal
from argparse import ArgumentTypeError
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from confluent_kafka import KafkaException
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from brokerlytics.plain_command import PlainCommand
from brokerlytics.timestamps import parse_timestamp
from feeder_app.errors import FeederError
from feeder_app.metrics_server import MetricsAddress
from feeder_app.policies import FeederPolicy
from feeder_app.progress import Progress
from feeder_app.service import ServiceOptions, run_feeder
from feeder_app.start_at import StartAt


class Command(PlainCommand):
    help = (
        "Store every event of the topic in CSV, exactly once. Exit codes: 0 stopped or drained, 1 cannot run, "
        "2 bad arguments, 3 store damaged, 4 too many bad records, 5 disk failure."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        policy = FeederPolicy()
        parser.add_argument("--group", type=_name, default="brokerlytics-feeder", help="consumer group (%(default)s)")
        parser.add_argument("--topic", type=_name, default=settings.KAFKA_TOPIC, help="topic (%(default)s)")
        parser.add_argument("--until-end", action="store_true", help="drain the topic and exit")
        parser.add_argument(
            "--flush-interval", type=_seconds, default=policy.flush_interval, help="seconds between commits (0.5)"
        )
        parser.add_argument(
            "--roll-bytes", type=_bytes, default=policy.roll_bytes, help="close a segment at this size (%(default)s)"
        )
        parser.add_argument(
            "--roll-age", type=_seconds, default=policy.roll_age, help="close a segment after these seconds (600)"
        )
        parser.add_argument(
            "--accept-poison", action="store_true", help="park any number of bad records instead of stopping"
        )
        parser.add_argument(
            "--metrics-port",
            type=_port,
            default=settings.FEEDER_METRICS_PORT or None,
            help="serve Prometheus metrics there (default: FEEDER_METRICS_PORT; unset: none)",
        )
        parser.add_argument(
            "--from-time", type=_time, help="a partition that the store has nothing of begins with what came then"
        )
        parser.add_argument(
            "--from-offset",
            type=_offset,
            action="append",
            default=[],
            metavar="PARTITION:OFFSET",
            help="the same for one partition, at an offset (repeat for more)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        policy = FeederPolicy(
            flush_interval=options["flush_interval"],
            roll_bytes=options["roll_bytes"],
            roll_age=options["roll_age"],
            start_at=StartAt(dict(options["from_offset"]), options["from_time"]),
        )
        if options["accept_poison"]:
            policy = replace(policy, poison_run=None, poison_share=None)
        service = ServiceOptions(
            root=settings.STORE_DIR,
            topic=options["topic"],
            group=options["group"],
            until_end=options["until_end"],
            policy=policy,
            metrics=MetricsAddress(settings.FEEDER_METRICS_HOST, port) if (port := options["metrics_port"]) else None,
        )
        stop = StopFlag()
        try:
            with Progress() as progress:
                totals = run_feeder(service, stop.is_set, progress)
        except FeederError as error:
            raise CommandError(str(error), returncode=error.exit_code) from error
        except KafkaException as error:
            raise CommandError(f"Kafka: {error.args[0].str()}") from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        repeated = f", {totals.duplicates:,} repeated events not stored again" if totals.duplicates else ""
        self.stdout.write(f"Stopped; {totals.rows:,} rows committed{repeated}.")


class StopFlag:
    """Set by SIGTERM and SIGINT; the loop looks at it."""

    def __init__(self) -> None:
        self._set = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, *_: Any) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", text):
        raise ArgumentTypeError(f"{text!r} must be letters, digits, '.', '_' or '-'")
    return text


def _seconds(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e9:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return timedelta(seconds=seconds)


def _bytes(text: str) -> int:
    if not text.isdecimal() or int(text) < 1024:
        raise ArgumentTypeError(f"{text!r} is not a number of bytes from 1024 up")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _offset(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5}):(\d{1,18})", text, re.ASCII)
    if not found:
        raise ArgumentTypeError(f"{text!r} is not PARTITION:OFFSET such as 3:1500")
    return int(found[1]), int(found[2])


def _time(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not an ISO 8601 time such as 2026-08-22 or 2026-08-22T09:30Z") from error
