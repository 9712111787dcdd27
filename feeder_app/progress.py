"""What a running feeder shows: one live line on a terminal, a plain line now and then elsewhere."""

import sys
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from brokerlytics.heartbeat import Heartbeat
from feeder_app.policies import is_due

LIVE_INTERVAL: Final = timedelta(seconds=0.5)
PLAIN_INTERVAL: Final = timedelta(seconds=10)


def status_line(before: Heartbeat, now: Heartbeat) -> str:
    """Rows, rate since `before`, lag, partitions and repeated events, in one line."""
    seconds = (now.beat_at - before.beat_at).total_seconds()
    rate = (now.rows - before.rows) / seconds if seconds > 0 else 0.0
    lags = [partition.lag for partition in now.partitions if partition.lag is not None]
    lag = f"{sum(lags):,}" if lags else "unknown"
    states = {state: sum(p.state == state for p in now.partitions) for state in ("waiting", "stalled")}
    others = "".join(f", {count} {state}" for state, count in states.items() if count)
    repeated = f", {now.duplicates:,} repeated" if now.duplicates else ""
    return f"{now.rows:,} rows, {rate:,.0f}/s, lag {lag}, {len(now.partitions)} partitions{others}{repeated}"


class Progress:
    """Shows the feeder's status as time goes on. Use as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` defaults to standard error."""
        self._console = console or Console(file=sys.stderr, highlight=False)
        terminal = self._console.is_terminal
        self._live = Live(console=self._console, auto_refresh=False, transient=True) if terminal else None
        self._interval = LIVE_INTERVAL if terminal else PLAIN_INTERVAL
        self._last: Heartbeat | None = None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def due(self, now: datetime) -> bool:
        return self._last is None or is_due(now, self._last.beat_at + self._interval, self._interval)

    def show(self, status: Heartbeat) -> None:
        """Show `status`. Without a terminal nothing is said while nothing changes."""
        before = self._last or status
        self._last = status
        line = status_line(before, status)
        if self._live:
            self._live.update(Text(line), refresh=True)
        elif (status.rows, status.duplicates) != (before.rows, before.duplicates) or before is status:
            self._console.print(line, markup=False, soft_wrap=True)
