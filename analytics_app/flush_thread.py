"""The thread that writes, once in a while and at the end of the process, what requests have left in memory."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import close_old_connections, connections
from django.utils import timezone

from analytics_app.process_exit import call_at_exit

logger = logging.getLogger(__name__)

_EXIT_SECONDS: Final = 5.0


class FlushThread:
    """Calls `flush` with the time every `interval` seconds from its making on, and a last time in `close`.

    The process calls `close` when it ends, after the producer's end (priority 1), which gives the last outcomes.
    """

    def __init__(self, flush: Callable[[datetime], object], interval: float) -> None:
        self._flush = flush
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observations", daemon=True)
        self._at_exit = call_at_exit(self.close, priority=0)
        self._thread.start()

    def close(self) -> None:
        """Returns when the last flush is done, after some seconds at the latest."""
        self._stop.set()
        self._thread.join(_EXIT_SECONDS)
        self._at_exit.cancel()

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._interval):
                self._flush_once()
            self._flush_once()
        finally:
            connections.close_all()

    def _flush_once(self) -> None:
        try:
            close_old_connections()
            self._flush(timezone.now())
        except Exception:
            # Without this thread nothing would be counted any more.
            logger.exception("What was observed within a second could not be counted.")
