"""Runs the analyst's SQL in a process of its own, and holds it to the limits."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from typing import Any, Final

import msgspec
from django.conf import settings

from dashboard_app.sql.exchange import MAX_BYTES, Answer, Column, ErrorCode, Request

logger = logging.getLogger(__name__)

# Of one web worker.
_AT_ONCE: Final = 2
_WAIT_SECONDS: Final = 2.0
# SQL_TIME_LIMIT is time of the processors, of which a busy machine gives little: a query may take so much longer.
_PATIENCE: Final = 3
# An answer is its rows and a little more.
_ANSWER_BYTES: Final = MAX_BYTES + 1024 * 1024
_COMMAND: Final = [sys.executable, "-m", "dashboard_app.sql.child"]
_slots = BoundedSemaphore(_AT_ONCE)


class SqlError(Exception):
    """A query has no result; `code` is for programs, the message says what was wrong and what to do."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The rows of a query, as JSON has them. `more` when the result went on beyond the limit of rows."""

    columns: list[Column]
    rows: list[list[Any]]
    more: bool
    committed_at: datetime | None


def run_sql(sql: str) -> SqlResult:
    """Run one query over the rows that are committed now. Raises SqlError."""
    if not _slots.acquire(timeout=_WAIT_SECONDS):
        raise SqlError("busy", "Other queries are running. Try again when they are done.")
    try:
        answer = _ask(sql)
    finally:
        _slots.release()
    if answer.error:
        raise SqlError(answer.error, answer.message)
    return SqlResult(answer.columns, answer.rows, answer.more, answer.committed_at)


def _ask(sql: str) -> Answer:
    request = Request(
        sql=sql,
        store=str(settings.STORE_DIR),
        topic=settings.KAFKA_TOPIC,
        scratch=str(settings.DATA_DIR / "tmp"),
        seconds=settings.SQL_TIME_LIMIT,
        memory=settings.SQL_MEMORY_LIMIT,
        rows=settings.SQL_ROW_LIMIT,
        asker=os.getpid(),
    )
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(  # noqa: S603 (a command of ours; the query is data on its standard input)
                _COMMAND,
                input=msgspec.json.encode(request),
                stdout=output,
                stderr=subprocess.DEVNULL,
                cwd=settings.BASE_DIR,
                # Nothing of the server's: it holds secrets.
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"},
                timeout=_PATIENCE * settings.SQL_TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _too_slow(f"The query was not done after {_PATIENCE * settings.SQL_TIME_LIMIT} seconds.")
        if done.returncode == -signal.SIGXCPU:
            return _too_slow(f"The query took more than {settings.SQL_TIME_LIMIT} seconds of every processor.")
        output.seek(0)
        return _decode(output.read(_ANSWER_BYTES), done.returncode)


def _decode(data: bytes, status: int) -> Answer:
    try:
        return msgspec.json.decode(data, type=Answer)
    except msgspec.MsgspecError:
        logger.warning("The process of a query ended with status %d and no answer.", status)
    message = f"The query was stopped: it needed more than {settings.SQL_MEMORY_LIMIT} MB of memory, or broke DuckDB."
    return Answer(error="too_much_memory", message=message)


def _too_slow(what: str) -> Answer:
    advice = "Name the columns that you need, and put a range of created_on first in WHERE."
    return Answer(error="too_slow", message=f"{what} {advice}")
