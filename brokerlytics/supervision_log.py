"""The log files of several processes as one readable log."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_COLOURS: Final = (36, 32, 35, 33, 34)
# Of supervisor's own log only what became of a process.
_SUPERVISOR: Final = re.compile(r"\S+ \S+ \w+ ((?:exited|stopped|killing|gave up|spawnerr): .*)")


def about_processes(line: str) -> str | None:
    """What a line of supervisor's log says of the end of a process; None when it says something else."""
    match = _SUPERVISOR.fullmatch(line)
    return match[1] if match else None


class LogFile:
    """Follows a log file that is rotated by renaming it, from the end that it has now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path)
        self._rest = b""
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[str]:
        """Whole lines that were written since the last call."""
        if self._file and not self._is_current():
            yield from self._read()
            self._file.close()
            self._file = None
        if self._file is None:
            self._file = _opened(self._path)
        yield from self._read()

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _is_current(self) -> bool:
        assert self._file  # noqa: S101 (for mypy: the only caller has looked)
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def _read(self) -> Iterator[str]:
        if self._file is None:
            return
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip()


def _opened(path: Path) -> BinaryIO | None:
    """None while there is none: nothing was written yet, or it was renamed a moment ago."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


class MergedLog:
    """The lines of several log files, each with the name of its process in front, in colour on a terminal."""

    def __init__(self, directory: Path, names: list[str], *, colour: bool) -> None:
        self._files = {name: LogFile(directory / f"{name}.log") for name in [*names, "supervisor"]}
        self._width = max(len(name) for name in self._files)
        self._colour = colour

    def lines(self) -> Iterator[str]:
        """What came since the last call."""
        for number, (name, file) in enumerate(self._files.items()):
            for line in file.lines():
                text = about_processes(line) if name == "supervisor" else line
                if text:
                    yield f"{self._prefix(number, name)} {text}"

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _prefix(self, number: int, name: str) -> str:
        label = f"{name:{self._width}} |"
        return f"\033[{_COLOURS[number % len(_COLOURS)]}m{label}\033[0m" if self._colour else label
