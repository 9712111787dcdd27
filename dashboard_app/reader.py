"""From the store to the numbers of one report: look, measure, and keep the answer while nothing changes."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final

import duckdb
from django.conf import settings

from dashboard_app.measures.presence import has_rows, newest_on, sources
from dashboard_app.question.filters import Filters
from dashboard_app.reading.committed import CommittedStore, looking_again
from dashboard_app.reading.rows import Rows
from dashboard_app.reading.scratch import ScratchDirectory
from dashboard_app.report import AnyReport

_KEPT: Final = 32
_BETWEEN_INTERRUPTS: Final = 0.05


class TooSlowError(Exception):
    """The numbers were not there in time; says what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A report's numbers. `committed_at` is the newest commit's time, None while nothing is committed.

    `is_empty` tells that the filters let no row of the range through; only then `newest_on` is looked for, the time of
    the newest event of the whole store, and stays None where it has none. `sources` are those of the range.
    """

    result: Any
    is_empty: bool
    newest_on: datetime | None
    sources: tuple[str, ...]
    committed_at: datetime | None = None


class ReportReader:
    """Answers any number of threads, one at a time: a report takes every core and a bounded share of memory."""

    def __init__(self, root: Path, topic: str, scratch: ScratchDirectory, timeout: float) -> None:
        self._store = CommittedStore(root, topic, scratch)
        self._timeout = timeout
        self._lock = Lock()
        self._answers: OrderedDict[tuple[object, ...], Answer] = OrderedDict()

    def read(self, report: AnyReport, filters: Filters, options: object) -> Answer:
        """The numbers over the rows that are committed now.

        Raises OSError, CorruptCheckpointError and UnreadableStoreError when the store cannot be read, and TooSlowError
        when the queries take longer than the timeout, in seconds.
        """
        with self._lock:
            return looking_again(lambda: self._read(report, filters, options))

    def _read(self, report: AnyReport, filters: Filters, options: object) -> Answer:
        with self._store.look() as look:
            key = (look.version, report.name, filters, options)
            if key not in self._answers:
                with self._store.rows(look) as connection, _in_time(connection, self._timeout):
                    rows = Rows(connection, self._store.rolled(connection))
                    self._answers[key] = measure_answer(rows, report, filters, options)
            self._answers.move_to_end(key)
            if len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
            return replace(self._answers[key], committed_at=look.committed_at)


def measure_answer(rows: Rows, report: AnyReport, filters: Filters, options: object) -> Answer:
    """The report's numbers and what its page says beside them. Raises duckdb.Error and OSError."""
    result, is_empty = report.measure(rows, filters, options), not has_rows(rows, filters)
    return Answer(result, is_empty, newest_on(rows) if is_empty else None, sources(rows, filters))


@contextmanager
def _in_time(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    done = Event()
    timer = Thread(target=_interrupt, args=(connection, seconds, done), daemon=True)
    timer.start()
    try:
        yield
    except duckdb.InterruptException:
        message = f"The numbers were not there within {seconds:g} seconds. Choose a shorter range or fewer filters."
        raise TooSlowError(message) from None
    finally:
        done.set()
        timer.join()


def _interrupt(connection: duckdb.DuckDBPyConnection, seconds: float, done: Event) -> None:
    """Again and again, for an interrupt between two queries is heard by neither."""
    if not done.wait(seconds):
        while not done.wait(_BETWEEN_INTERRUPTS):
            connection.interrupt()


def reader() -> ReportReader:
    """This process's reader of the product's store."""
    return _reader(settings.STORE_DIR, settings.KAFKA_TOPIC, settings.DATA_DIR, settings.REPORT_TIMEOUT)


@cache
def _reader(root: Path, topic: str, data_dir: Path, timeout: float) -> ReportReader:
    return ReportReader(root, topic, ScratchDirectory(data_dir / "tmp"), timeout)
