"""Results of queries that many may look at, kept for a while: a page that is opened often runs its query once."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from dashboard_app.sql.runner import SqlError, SqlResult, run_sql

KEEP_SECONDS: Final = 60.0
_KEPT: Final = 16


@dataclass(slots=True)
class _Kept:
    """What came of a query at the time `at`, None before it has run; who holds the lock runs it."""

    lock: Lock = field(default_factory=Lock)
    outcome: SqlResult | SqlError | None = None
    at: float = 0.0


class RecentResults:
    """Answers any number of threads; a query runs once in `KEEP_SECONDS`, however many ask for it.

    None waits for another query. That others were running is no result: it is not kept.
    """

    def __init__(self, run: Callable[[str], SqlResult], clock: Callable[[], float]) -> None:
        self._run = run
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def get(self, sql: str) -> SqlResult:
        """The result, at most `KEEP_SECONDS` old. Raises SqlError, as old as that too."""
        kept = self._place(sql)
        with kept.lock:
            outcome = kept.outcome
            if outcome is None or self._clock() - kept.at > KEEP_SECONDS:
                outcome = self._outcome(sql)
                is_busy = isinstance(outcome, SqlError) and outcome.code == "busy"
                kept.outcome, kept.at = None if is_busy else outcome, self._clock()
        if isinstance(outcome, SqlError):
            raise SqlError(outcome.code, str(outcome))
        return outcome

    def _place(self, sql: str) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(sql, _Kept())
            self._kept.move_to_end(sql)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return kept

    def _outcome(self, sql: str) -> SqlResult | SqlError:
        try:
            return self._run(sql)
        except SqlError as error:
            return error


recent_results: Final = RecentResults(run_sql, time.monotonic)
