"""From the store to the numbers of one report: look, measure, and keep the answer while nothing changes."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock, Timer
from typing import Any, Final

import duckdb
from django.conf import settings

from dashboard_app.committed import CommittedStore
from dashboard_app.filters import Filters
from dashboard_app.report import AnyReport
from dashboard_app.scratch import ScratchDirectory

_KEPT: Final = 32
# Maintenance may rewrite a day between the look at its files and their reading.
_TRIES: Final = 20
# More sources than this are not offered for choice; the filters take any.
_MAX_SOURCES: Final = 100


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
            for _ in range(_TRIES):
                with suppress(FileNotFoundError):
                    return self._read(report, filters, options)
            return self._read(report, filters, options)

    def _read(self, report: AnyReport, filters: Filters, options: object) -> Answer:
        with self._store.look() as look:
            key = (look.version, report.name, filters, options)
            if key not in self._answers:
                with self._store.rows(look) as connection, _in_time(connection, self._timeout):
                    self._answers[key] = _measure(connection, report, filters, options)
            self._answers.move_to_end(key)
            if len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
            return replace(self._answers[key], committed_at=look.committed_at)


def _measure(connection: duckdb.DuckDBPyConnection, report: AnyReport, filters: Filters, options: object) -> Answer:
    result = report.measure(connection, filters, options)
    where = filters.where
    found = connection.execute(f"SELECT 1 FROM events WHERE {where.sql} LIMIT 1", where.parameters).fetchall()  # noqa: S608
    newest_on = None
    if not found:
        (newest,) = connection.execute("SELECT max(created_on) FROM events").fetchall()[0]
        newest_on = newest and newest.replace(tzinfo=UTC)
    return Answer(result, not found, newest_on, _sources(connection, filters))


def _sources(connection: duckdb.DuckDBPyConnection, filters: Filters) -> tuple[str, ...]:
    times = {name: value for name, value in filters.where.parameters.items() if name in ("start", "end")}
    sql = f"""SELECT DISTINCT source FROM events WHERE created_on >= $start AND created_on < $end
              AND source IS NOT NULL ORDER BY source LIMIT {_MAX_SOURCES}"""  # noqa: S608
    return tuple(name for (name,) in connection.execute(sql, times).fetchall())


@contextmanager
def _in_time(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException:
        message = f"The numbers were not there within {seconds:g} seconds. Choose a shorter range or fewer filters."
        raise TooSlowError(message) from None
    finally:
        timer.cancel()


def reader() -> ReportReader:
    """This process's reader of the product's store."""
    return _reader(settings.STORE_DIR, settings.KAFKA_TOPIC, settings.DATA_DIR, settings.REPORT_TIMEOUT)


@cache
def _reader(root: Path, topic: str, data_dir: Path, timeout: float) -> ReportReader:
    return ReportReader(root, topic, ScratchDirectory(data_dir / "tmp"), timeout)
