"""What a job shows of itself: a progress bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress


class JobStoppedError(Exception):
    """The operator wants it to end. What was swapped is done, the rest is as it was."""


class JobWatch:
    """Takes what a job has done so far. Use as a context manager.

    Args:
        stopped: asked between two files; once it is true, the job ends there.
        console: defaults to standard error.
    """

    def __init__(self, stopped: Callable[[], bool], console: Console | None = None) -> None:
        self._stopped = stopped
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._progress = Progress(console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._progress.add_task("", visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, what: str, total: int) -> None:
        self._progress.reset(self._task, description=what, total=total, visible=True)

    def advance(self, done: int) -> None:
        """So much more is done. Raises JobStoppedError."""
        self._progress.advance(self._task, done)
        if self._stopped():
            raise JobStoppedError

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)
