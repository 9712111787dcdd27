"""One import from the file to the last acknowledgement, with its place in the ledger."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from django.utils import timezone

from analytics_app.deliveries import Delivery
from analytics_app.importing.bad_file import BadFile
from analytics_app.importing.batches import BadLine, Batch, EventMaker, batches
from analytics_app.importing.errors import DamagedInputError, Fault, ImportFileError
from analytics_app.importing.ids import DerivedIds
from analytics_app.importing.ledger import Entry, Ledger
from analytics_app.importing.mapping import RowMapping
from analytics_app.importing.options import ImportOptions, ImportResult
from analytics_app.importing.progress import Display, Status
from analytics_app.importing.reading import Input, open_input
from analytics_app.importing.records import CsvRecords, Record, ndjson_records
from analytics_app.importing.runner import Tally, send_all
from analytics_app.importing.sending import Sender

_SAVE_SECONDS: Final = 1.0
_RECOGNISING, _FINDING, _IMPORTING = "Recognising the file", "Finding the place", "Importing"


class _StoppedError(Exception):
    """Stopped before anything was sent."""


def run_import(options: ImportOptions, sender: Sender, stop: threading.Event, display: Display) -> ImportResult:
    """Import the file, or what an earlier run left of it; nothing when the ledger has it as complete.

    Raises ImportFileError when nothing can be imported as it was asked for.
    """
    result = ImportResult(Tally(options.show_bad))
    with ExitStack() as stack:
        file = stack.enter_context(open_input(options.file))
        try:
            ledger = _ledger(options, file, stop, display)
        except _StoppedError:
            result.stopped = True
            return result
        if ledger:
            stack.enter_context(ledger)
            result.before = None if options.again else ledger.read()
        if result.before and result.before.complete:
            return result
        if result.before and result.before.rows and result.before.how != options.how:
            message = f"The file was imported in part with {result.before.how}: go on with the same."
            raise ImportFileError(f"{message} --again begins anew and sends every row.")
        bad_file = stack.enter_context(BadFile(options.bad_file, append=result.before is not None))
        _Job(options, file, ledger, bad_file, display, result).run(sender, stop)
    return result


def _ledger(options: ImportOptions, file: Input, stop: threading.Event, display: Display) -> Ledger | None:
    """The file's place in the ledger; None for a pipe, which cannot be read twice."""
    if options.ledger is None or file.size is None:
        return None

    def tell(done: int) -> None:
        if stop.is_set():
            raise _StoppedError
        display.show(Status(_RECOGNISING, done, file.size))

    return Ledger(options.ledger, options.source, file.digest(tell))


@dataclass(slots=True)
class _Job:
    options: ImportOptions
    file: Input
    ledger: Ledger | None
    bad_file: BadFile
    display: Display
    result: ImportResult
    damage: str = ""
    rows_read: int = 0
    last_line: int = 0
    saved_at: float = field(default_factory=time.monotonic)

    def run(self, sender: Sender, stop: threading.Event) -> None:
        options, result, tally = self.options, self.result, self.result.tally
        mapping = RowMapping(options.columns, source=options.source, text=options.format == "csv")
        maker = EventMaker(mapping, DerivedIds(options.source), options.received_on)
        records = self._left(self._records(mapping), maker, stop)

        def settled(batch: Batch, deliveries: Sequence[Delivery]) -> None:
            self.bad_file.write(tally.add(batch, deliveries))
            if time.monotonic() - self.saved_at >= _SAVE_SECONDS:
                self._save()
            self._show(sender.problem)

        finished = send_all(
            batches(records, maker.make),
            sender,
            stop,
            settled=settled,
            waiting=lambda: self._show(sender.problem),
        )
        result.stopped, result.changed = not finished, self.file.changed
        limited = options.limit is not None and self.rows_read == options.limit
        if finished and self.damage:
            damage = BadLine(self.last_line + 1, Fault.DAMAGED_FILE, "", self.damage, b"")
            tally.add_bad([damage])
            self.bad_file.write([damage])
        result.complete = finished and not self.damage and not limited and not result.changed
        result.missing = mapping.missing if finished and self.rows_read else set()
        self._save()

    def _records(self, mapping: RowMapping) -> Iterator[Record]:
        lines = self.file.lines()
        if self.options.format == "ndjson":
            return ndjson_records(lines)
        try:
            rows = CsvRecords(lines, self.options.delimiter)
        except DamagedInputError as error:
            raise ImportFileError(str(error)) from None
        mapping.check_header(rows.header)
        return iter(rows)

    def _left(self, records: Iterator[Record], maker: EventMaker, stop: threading.Event) -> Iterator[Record]:
        """The rows that no earlier run has settled, as many as are wanted, up to where the file is damaged."""
        before = self.result.before.rows if self.result.before else 0
        try:
            for number, record in enumerate(islice(records, before)):
                maker.skip(record)
                if number % 1000 == 0:
                    self.display.show(Status(_FINDING, self.file.position, self.file.size))
                    if stop.is_set():
                        return
            for record in islice(records, self.options.limit):
                self.rows_read += 1
                self.last_line = record.line
                yield record
        except DamagedInputError as error:
            self.damage = str(error)

    def _save(self) -> None:
        """Note in the ledger what is settled."""
        if self.ledger is None:
            return
        tally, before = self.result.tally, self.result.before
        entry = Entry(
            source=self.options.source,
            file=Path(self.options.file).name,
            how=self.options.how,
            started_on=before.started_on if before else self.options.received_on,
            saved_on=timezone.now(),
            rows=tally.rows + (before.rows if before else 0),
            accepted=tally.accepted + (before.accepted if before else 0),
            bad=tally.bad + (before.bad if before else 0),
            complete=self.result.complete,
        )
        self.ledger.save(entry)
        self.saved_at = time.monotonic()

    def _show(self, problem: str) -> None:
        tally = self.result.tally
        status = Status(_IMPORTING, self.file.position, self.file.size, tally.accepted, tally.bad, problem)
        self.display.show(status)
