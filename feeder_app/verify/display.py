"""How far a check of the store is: a bar on a terminal, a plain line every few seconds elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

LINE_SECONDS: Final = 5.0


class Display(AbstractContextManager["Display"]):
    """Use as a context manager; `tell` is what the check calls."""

    def __init__(self, console: Console, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`total`: bytes to read, None when that is not known."""
        columns = (TextColumn("Checking"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._task = self._bar.add_task("", total=total) if self._bar else None
        self._console = console
        self._total = total
        self._read = 0
        self._clock = clock
        self._said_at = clock()

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def tell(self, count: int) -> None:
        """So many more bytes were read."""
        self._read += count
        if self._bar and self._task is not None:
            self._bar.update(self._task, advance=count)
        elif (now := self._clock()) - self._said_at >= LINE_SECONDS:
            self._said_at = now
            of = f" of {decimal(self._total)}" if self._total else ""
            self._console.print(f"{decimal(self._read)}{of} checked", markup=False, soft_wrap=True)
