import csv
import os
import sys
from argparse import ArgumentTypeError
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress

from brokerlytics.checkpoint import CorruptCheckpointError
from brokerlytics.plain_command import PlainCommand
from brokerlytics.timestamps import parse_timestamp
from feeder_app.export import ExportFilter, export_rows, snapshot_bytes


class Command(PlainCommand):
    help = "Write every committed row, the active files' too, into one CSV. Cells are made safe for spreadsheets."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--start", type=_time, help="first created_on, ISO 8601, UTC unless it has an offset")
        parser.add_argument("--end", type=_time, help="created_on before this")
        parser.add_argument("--event-type", action="append", default=[], help="only these (repeat for more)")
        parser.add_argument("--topic", default=settings.KAFKA_TOPIC, help="topic (%(default)s)")
        parser.add_argument("--out", type=Path, help="file to write (default: standard output)")
        parser.add_argument("--raw", action="store_true", help="cells as stored, for programs")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["start"] and options["end"] and options["start"] >= options["end"]:
            raise CommandError("--start must be before --end.")
        wanted = ExportFilter(
            start=options["start"],
            end=options["end"],
            event_types=frozenset(options["event_type"]),
            raw=options["raw"],
        )
        try:
            rows = _export(options["topic"], wanted, options["out"])
        except BrokenPipeError:
            # The reader has enough, as `head` does; keep the interpreter from flushing into the closed pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        except (CorruptCheckpointError, UnicodeDecodeError, csv.Error) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or options['out']}: {error.strerror}") from error
        self.stderr.write(f"{rows:,} rows exported.")


def _export(topic: str, wanted: ExportFilter, out: Path | None) -> int:
    root = settings.STORE_DIR
    with ExitStack() as stack:
        target: IO[str] = sys.stdout
        if out:
            target = stack.enter_context(out.open("w", encoding="utf-8", newline=""))
        elif hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        console = Console(stderr=True)
        progress = stack.enter_context(Progress(console=console, transient=True, disable=not console.is_terminal))
        task = progress.add_task("Exporting", total=snapshot_bytes(root, topic))
        rows = export_rows(root, topic, wanted, target, lambda done: progress.update(task, completed=done))
        target.flush()
        return rows


def _time(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not an ISO 8601 time such as 2026-08-22 or 2026-08-22T09:30Z") from error
