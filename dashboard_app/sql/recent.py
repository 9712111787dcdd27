"""Results of queries that many may look at, kept for a while: a page that is opened often runs its query once."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from dashboard_app.sql.runner import SqlError, SqlResult, run_sql

KEEP_SECONDS: Final = 60.0
_KEPT: Final = 16


@dataclass(slots=True)
class _Kept:
    outcome: SqlResult | SqlError
    at: float


class RecentResults:
    """Answers any number of threads; a query runs once in `KEEP_SECONDS`, however many ask for it."""

    def __init__(self, run: Callable[[str], SqlResult], clock: Callable[[], float]) -> None:
        self._run = run
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def get(self, sql: str) -> SqlResult:
        """The result, at most `KEEP_SECONDS` old. Raises SqlError, as old as that too."""
        with self._lock:
            kept = self._kept.get(sql)
            if kept is None or self._clock() - kept.at > KEEP_SECONDS:
                kept = self._kept[sql] = _Kept(self._outcome(sql), self._clock())
            self._kept.move_to_end(sql)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        if isinstance(kept.outcome, SqlError):
            raise SqlError(kept.outcome.code, str(kept.outcome))
        return kept.outcome

    def _outcome(self, sql: str) -> SqlResult | SqlError:
        try:
            return self._run(sql)
        except SqlError as error:
            return error


recent_results: Final = RecentResults(run_sql, time.monotonic)
