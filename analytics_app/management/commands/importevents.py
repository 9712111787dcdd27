"""`importevents` loads history from a file."""

import signal
import sys
import threading
import time
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone

from analytics_app.importing.errors import ImportFileError
from analytics_app.importing.job import run_import
from analytics_app.importing.mapping import parse_map
from analytics_app.importing.options import ImportOptions
from analytics_app.importing.progress import Bar, Display, Lines
from analytics_app.importing.records import Format, format_of
from analytics_app.importing.report import exit_code, report
from analytics_app.importing.sending import DrySender, KafkaSender
from analytics_app.models import Source
from brokerlytics.plain_command import PlainCommand

_TOLD_SOURCES: Final = 20


class Command(PlainCommand):
    help = "Load events from a CSV or NDJSON file, plain or gzip. The same file is never loaded twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the file; - for standard input")
        parser.add_argument("--source", required=True, help="the name of the source that the events belong to")
        parser.add_argument("--format", choices=["csv", "ndjson"], help="when the file's name does not say it")
        parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN,...", help="what is what")
        parser.add_argument("--delimiter", type=_delimiter, help="between the cells of a CSV, or tab (comma)")
        parser.add_argument("--limit", type=_count, help="rows of this run at most")
        parser.add_argument("--dry-run", action="store_true", help="check every row, send nothing")
        parser.add_argument("--again", action="store_true", help="send a file again that was imported already")
        parser.add_argument("--bad", type=Path, metavar="FILE", help="a CSV that gets every bad line")
        parser.add_argument("--show-bad", type=_count, default=20, metavar="N", help="bad lines to show (20)")

    def handle(self, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: _stop(stop, number))
        dry_run: bool = options["dry_run"]
        started = time.monotonic()
        try:
            wanted = _wanted(options)
            with self._display() as display:
                result = run_import(wanted, DrySender() if dry_run else KafkaSender(), stop, display)
        except ImportFileError as error:
            _fail(str(error))
        resumable = wanted.file != "-" and not dry_run
        lines = report(result, time.monotonic() - started, dry_run=dry_run, resumable=resumable)
        self.stdout.write("\n".join(lines))
        if code := exit_code(result):
            sys.exit(code)

    def _display(self) -> Display:
        return Bar() if self.stdout.isatty() else Lines(self._write)

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _wanted(options: dict[str, Any]) -> ImportOptions:
    found = format_of(options["file"])
    if not options["format"] and not found:
        raise ImportFileError("The name does not say what the file is: add --format csv or --format ndjson.")
    default = found[1] if found and options["format"] in (None, found[0]) else ","
    return ImportOptions(
        file=options["file"],
        source=_source_name(options["source"]),
        format=cast("Format", options["format"] or (found and found[0])),
        delimiter=options["delimiter"] or default,
        columns=parse_map(options["map"]),
        received_on=timezone.now(),
        ledger=None if options["dry_run"] else settings.DATA_DIR / "imports",
        bad_file=options["bad"],
        limit=options["limit"],
        again=options["again"],
        show_bad=options["show_bad"],
    )


def _source_name(name: str) -> str:
    try:
        source = Source.objects.filter(name=name).first()
        names = list(Source.objects.order_by("name").values_list("name", flat=True)[:_TOLD_SOURCES])
    except OperationalError as error:
        raise ImportFileError(f"The database is not ready ({error}); run `python manage.py migrate`.") from None
    if source is None:
        there = f"There are: {', '.join(names)}." if names else "There is none."
        raise ImportFileError(f"No source is named {name!r}. {there} `python manage.py createsource NAME` makes one.")
    if not source.enabled:
        raise ImportFileError(f"The source {name!r} is disabled; enable it in the admin first.")
    return source.name


def _stop(stop: threading.Event, number: int) -> None:
    """The first signal stops in good order, a second one at once."""
    stop.set()
    signal.signal(number, signal.SIG_DFL)


def _fail(message: str) -> NoReturn:
    raise CommandError(message, returncode=2)


def _delimiter(text: str) -> str:
    character = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(character) != 1 or character in '"\r\n\0':
        raise ArgumentTypeError(f"{text!r} is not one character such as ; or the word tab.")
    return character


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a whole number.")
    return int(text)
