import re
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import KafkaException
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from brokerlytics.checkpoint import CorruptCheckpointError
from brokerlytics.event import Reason
from brokerlytics.kafka import client_config
from brokerlytics.plain_command import PlainCommand
from feeder_app.dead_letters.inbox import OPEN, Item, LetterError, Wanted, drop, find, read_inbox
from feeder_app.dead_letters.journal import LetterState
from feeder_app.dead_letters.mending import parse_field
from feeder_app.dead_letters.requeue import Outcome, Requeue, UnsettledError
from feeder_app.dead_letters.texts import cells, details, json_line
from feeder_app.topic_reader import TopicAwayError


class Command(PlainCommand):
    help = "Records that were no events: list and show them, send them again (each once), or mark them as dealt with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--topic", default=settings.KAFKA_TOPIC, help="topic (%(default)s)")
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="one line for each")
        listing.add_argument("--reason", choices=[str(reason) for reason in Reason])
        listing.add_argument("--partition", type=int)
        listing.add_argument("--state", choices=[str(state) for state in LetterState])
        listing.add_argument("--json", action="store_true", help="a line of JSON for each")
        showing = actions.add_parser("show", help="all there is about one, with its bytes")
        showing.add_argument("place", type=_place, metavar="PARTITION:OFFSET")
        showing.add_argument("--raw", action="store_true", help="the bytes of its value and nothing else")
        sending = actions.add_parser("requeue", help="send them again")
        sending.add_argument(
            "--set", type=_field, action="append", default=[], metavar="FIELD=VALUE", help="mend the event (repeat)"
        )
        dropping = actions.add_parser("drop", help="mark them as dealt with; the bytes stay")
        for choosing in (sending, dropping):
            choosing.add_argument("places", type=_place, nargs="*", metavar="PARTITION:OFFSET")
            choosing.add_argument("--reason", choices=[str(reason) for reason in Reason])
            choosing.add_argument("--all", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        with _told():
            getattr(self, f"_{options['action']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        states = frozenset({LetterState(options["state"])} if options["state"] else ())
        wanted = Wanted(reason=options["reason"], partition=options["partition"], states=states)
        items = read_inbox(settings.STORE_DIR, options["topic"], wanted)
        if options["json"]:
            for item in items:
                self.stdout.write(json_line(item))
        elif not items:
            self.stderr.write("No such dead letters.")
        elif sys.stdout.isatty():
            _print_table(items)
        else:
            for item in items:
                self.stdout.write("  ".join(filter(None, cells(item))))

    def _show(self, options: dict[str, Any]) -> None:
        (item,) = find(settings.STORE_DIR, options["topic"], [options["place"]])
        if options["raw"]:
            sys.stdout.buffer.write(item.letter.value or b"")
            sys.stdout.flush()
        else:
            self.stdout.write(details(item))

    def _requeue(self, options: dict[str, Any]) -> None:
        requeue = Requeue(settings.STORE_DIR, options["topic"], client_config(), lambda: datetime.now(UTC))
        outcome = self._patiently(requeue, _chosen(options), dict(options["set"]))
        if outcome.found:
            self.stdout.write(f"{outcome.found:,} letters had been sent by a requeue that was interrupted.")
        self.stdout.write(f"{outcome.sent:,} letters were sent again.")
        if outcome.failed:
            text = f"{outcome.failed:,} letters were not acknowledged: {outcome.error} "
            raise CommandError(text + "Requeue them again: what reached the topic all the same is not sent twice.")

    def _patiently(self, requeue: Requeue, places: list[str], fields: dict[str, Any]) -> Outcome:
        while True:
            try:
                return requeue.run(places, fields)
            except UnsettledError as error:
                self.stderr.write(str(error))
                time.sleep(max((error.ready_at - datetime.now(UTC)).total_seconds(), 0.1))

    def _drop(self, options: dict[str, Any]) -> None:
        count = drop(settings.STORE_DIR, options["topic"], _chosen(options), datetime.now(UTC))
        self.stdout.write(f"{count:,} letters are marked as dropped.")


def _chosen(options: dict[str, Any]) -> list[str]:
    if sum(map(bool, (options["places"], options["reason"], options["all"]))) != 1:
        raise CommandError("Say which: PARTITION:OFFSET..., --reason REASON, or --all.")
    if options["places"]:
        return list(options["places"])
    wanted = Wanted(reason=options["reason"], states=OPEN)
    return [item.letter.place for item in read_inbox(settings.STORE_DIR, options["topic"], wanted)]


def _print_table(items: Iterator[Item]) -> None:
    table = Table("place", "time", "reason", "field", "message", "state", box=None, pad_edge=False)
    for item in items:
        table.add_row(*cells(item))
    Console(highlight=False, markup=False).print(table)


@contextmanager
def _told() -> Iterator[None]:
    """What can go wrong, told in one line."""
    try:
        yield
    except (LetterError, CorruptCheckpointError, TopicAwayError) as error:
        raise CommandError(str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(f"A line was not written by us: {error}. Run `verifystore`.") from error
    except KafkaException as error:
        raise CommandError(f"Kafka: {error.args[0].str()}") from error
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error


def _place(text: str) -> str:
    if not re.fullmatch(r"\d+:\d+", text, re.ASCII):
        raise ArgumentTypeError(f"{text!r} is not PARTITION:OFFSET, such as 3:1709")
    partition, _, offset = text.partition(":")
    return f"{int(partition)}:{int(offset)}"


def _field(text: str) -> tuple[str, Any]:
    try:
        return parse_field(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
