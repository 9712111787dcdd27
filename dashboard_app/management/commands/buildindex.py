import os
import signal
import sys
import time
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress

from brokerlytics.index_files import index_dir
from brokerlytics.local_kafka.locks import ProcessLock
from brokerlytics.plain_command import PlainCommand
from dashboard_app.index.builder import IndexBuilder
from dashboard_app.index.following import GRACE, bring_up_to_date
from dashboard_app.index.following import follow as follow_segments
from dashboard_app.reading.committed import UnreadableStoreError
from dashboard_app.reading.scratch import ScratchDirectory

# Feeders and readers go first.
_NICENESS = 10


class Command(PlainCommand):
    help = "Bring the dashboard's index of the closed segments up to date. It is derived: nothing is lost with it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--follow", action="store_true", help="run on, and take in what is closed from now on")
        parser.add_argument("--rebuild", action="store_true", help="begin anew, whatever is there")

    def handle(self, *_: Any, **options: Any) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        os.nice(_NICENESS)
        directory = index_dir(settings.STORE_DIR, settings.KAFKA_TOPIC)
        lock = ProcessLock(directory / "LOCK")
        if not lock.acquire():
            raise CommandError(f"Process {lock.holder} builds this index already: it takes everything in by itself.")
        console = Console(file=sys.stderr, highlight=False)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Writing days", visible=False)

            def wrote(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total, visible=done < total)

            scratch = ScratchDirectory(settings.DATA_DIR / "tmp")
            builder = IndexBuilder(settings.STORE_DIR, settings.KAFKA_TOPIC, scratch, wrote)
            try:
                self._build(builder, stop, **options)
            except UnreadableStoreError as error:
                raise CommandError(str(error)) from error
            except OSError as error:
                raise CommandError(f"{error.filename or directory}: {error.strerror or error}") from error
            finally:
                scratch.close()
                lock.close()

    def _build(self, builder: IndexBuilder, stop: Event, *, follow: bool, rebuild: bool, **_: Any) -> None:
        if rebuild:
            builder.discard()
        for name in builder.check():
            self.stderr.write(f"{name} is not what was written, and is built anew.")
        if follow:
            follow_segments(builder, stop.wait)
            return
        built = bring_up_to_date(builder, stop.is_set)
        if built:
            time.sleep(GRACE.total_seconds())
        builder.sweep()
        end = "Stopped." if stop.is_set() else "The index is up to date."
        self.stdout.write(f"{end} Generations built: {built}.")
