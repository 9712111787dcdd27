"""How a simulation shows itself: a progress bar on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from analytics_app.simulation.runner import Simulation

_LINE_SECONDS: Final = 5.0


class Display(AbstractContextManager["Display"], Protocol):
    def show(self, simulation: Simulation) -> None: ...


class Bar(Display):
    """For a terminal on standard output."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            TextColumn("{task.completed} accepted"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, simulation: Simulation) -> None:
        self._progress.update(
            self._task,
            completed=simulation.summary.accepted.total(),
            total=simulation.total,
            description=f"waiting: {simulation.problem}" if simulation.problem else "",
        )


class Lines(Display):
    """For a log: one line every few seconds."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._last_at = clock()
        self._last_accepted = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def show(self, simulation: Simulation) -> None:
        now = self._clock()
        if now - self._last_at < _LINE_SECONDS:
            return
        accepted = simulation.summary.accepted.total()
        if simulation.problem:
            self._write(f"Waiting: {simulation.problem}")
        else:
            rate = (accepted - self._last_accepted) / (now - self._last_at)
            self._write(f"{accepted} events accepted, {rate:.1f} per second")
        self._last_at, self._last_accepted = now, accepted
