"""How an import shows itself: a progress bar on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from rich.filesize import decimal
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

_LINE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Status:
    """`read` of the file's `size` bytes, which is None for a pipe; `problem` says why it waits."""

    step: str
    read: int
    size: int | None
    accepted: int = 0
    bad: int = 0
    problem: str = ""


class Display(AbstractContextManager["Display"], Protocol):
    def show(self, status: Status) -> None: ...


class Rate:
    """Events per second since the first look that saw any, so that what came before does not count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start: tuple[float, int] | None = None

    def now(self, accepted: int) -> float:
        now = self._clock()
        if self._start is None and accepted:
            self._start = (now, accepted)
        if self._start is None or now <= self._start[0]:
            return 0.0
        return (accepted - self._start[1]) / (now - self._start[0])


class Bar(Display):
    """For a terminal on standard output."""

    def __init__(self) -> None:
        counts = TextColumn("{task.fields[accepted]:,} accepted, {task.fields[bad]:,} bad, {task.fields[rate]:,.0f}/s")
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            counts,
            TimeRemainingColumn(),
            TextColumn("{task.fields[problem]}"),
        )
        self._rate = Rate(time.monotonic)
        self._step = ""
        self._task = self._progress.add_task("", total=None, accepted=0, bad=0, rate=0.0, problem="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, status: Status) -> None:
        if status.step != self._step:
            self._step = status.step
            self._progress.reset(self._task, total=status.size)
        self._progress.update(
            self._task,
            completed=status.read,
            description=status.step,
            accepted=status.accepted,
            bad=status.bad,
            rate=self._rate.now(status.accepted),
            problem=f"waiting: {status.problem}" if status.problem else "",
        )


class Lines(Display):
    """For a log: one line every few seconds, and at once when the broker is waited for."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._last_at = clock()
        self._last_accepted = 0
        self._waiting = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def show(self, status: Status) -> None:
        now = self._clock()
        news = bool(status.problem) and not self._waiting
        if now - self._last_at < _LINE_SECONDS and not news:
            return
        self._waiting = bool(status.problem)
        read = f"{decimal(status.read)} of {decimal(status.size)}" if status.size else decimal(status.read)
        counts = f"{status.accepted:,} events accepted, {status.bad:,} bad"
        rate = (status.accepted - self._last_accepted) / max(now - self._last_at, 0.001)
        end = f"waiting: {status.problem}" if status.problem else f"{rate:,.0f} per second"
        self._write(f"{status.step}: {read} read, {counts}, {end}")
        self._last_at, self._last_accepted = now, status.accepted
