"""How a simulation shows itself: a table on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from analytics_app.simulation.runner import Simulation
from brokerlytics.timestamps import format_timestamp, from_milliseconds

_LINE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.25


class Display(AbstractContextManager["Display"], Protocol):
    def show(self, simulation: Simulation) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Quiet(Display):
    """Shows nothing."""

    def show(self, simulation: Simulation) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Rate:
    """Events per second since it was last asked."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock()
        self._accepted = 0

    def since(self) -> float:
        """Seconds since it was last asked."""
        return self._clock() - self._at

    def take(self, accepted: int) -> float:
        now = self._clock()
        rate = (accepted - self._accepted) / max(now - self._at, 0.001)
        self._at, self._accepted = now, accepted
        return rate


class Panel(Display):
    """For a terminal. `lag` gives how many records the feeder has not stored yet, None where that is not known."""

    def __init__(
        self, console: Console, lag: Callable[[], int | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._rate = Rate(clock)
        self._lag = lag

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, simulation: Simulation) -> None:
        if self._rate.since() < _LOOK_SECONDS:
            return
        table = Table.grid(padding=(0, 2))
        for name, value in status(simulation, self._rate.take(simulation.accepted), self._lag()).items():
            table.add_row(name, value)
        self._live.update(table, refresh=True)


class Lines(Display):
    """For a log: one line every few seconds."""

    def __init__(
        self,
        write: Callable[[str], object],
        lag: Callable[[], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._lag = lag
        self._rate = Rate(clock)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def show(self, simulation: Simulation) -> None:
        if self._rate.since() < _LINE_SECONDS:
            return
        rate = self._rate.take(simulation.accepted)
        if simulation.problem:
            self._write(f"Waiting: {simulation.problem}")
        else:
            self._write(" | ".join(f"{name} {value}" for name, value in status(simulation, rate, self._lag()).items()))


def status(simulation: Simulation, rate: float, lag: int | None) -> dict[str, str]:
    """How far the simulation is, by name, for people."""
    feed = simulation.feed
    now = simulation.started + simulation.seconds
    target, clock = feed.target(now), feed.clock(now)
    found = {
        "clock": "-" if clock is None else format_timestamp(from_milliseconds(clock))[:19],
        "sent": f"{feed.taken:,}" if target is None else f"{feed.taken:,} of {target:,} due",
        "accepted": f"{simulation.accepted:,}",
        "rejected": f"{simulation.rejected.total():,}",
        "retried": f"{simulation.tried_again:,}",
        "events/s": f"{rate:,.1f}",
    }
    if latencies := simulation.latencies.percentiles(50, 95, 99):
        found["p50/p95/p99"] = f"{'/'.join(f'{seconds * 1000:.0f}' for seconds in latencies)} ms"
    if lag is not None:
        found["feeder lag"] = f"{lag:,}"
    if left := time_left(simulation):
        found["left"] = left
    if simulation.problem:
        found["waiting"] = simulation.problem
    return found


def time_left(simulation: Simulation) -> str:
    """Until the end at the speed so far; empty when there is no end, or nothing to judge by."""
    part = simulation.feed.part()
    if not part:
        return ""
    minutes, seconds = divmod(int(simulation.seconds / part * (1 - part)), 60)
    return f"{minutes}:{seconds:02d}"
