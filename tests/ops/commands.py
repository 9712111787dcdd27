"""The product's commands as processes of their own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

from tests.waiting import PATIENCE

MANAGE: Final = [sys.executable, str(settings.BASE_DIR / "manage.py")]


class RunningCommand:
    """A command whose output is collected as it comes, standard error with it."""

    def __init__(self, arguments: list[str], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*MANAGE, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self._lines)

    def wait_for(self, text: str, timeout: float = PATIENCE) -> None:
        """Return when the output holds `text`."""
        with self._changed:
            self._changed.wait_for(lambda: text in self.output or self.process.poll() is not None, timeout)
        assert text in self.output, f"No {text!r} in the output:\n{self.output}"

    def stop(self, signal_number: int = signal.SIGTERM, timeout: float = PATIENCE) -> int:
        """Send a signal and wait for the end; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        status = self.process.wait(timeout)
        self._reader.join()
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


@contextmanager
def running(arguments: list[str], env: dict[str, str]) -> Iterator[RunningCommand]:
    """The command while it runs; killed at the end if it still does."""
    command = RunningCommand(arguments, env)
    try:
        yield command
    finally:
        command.close()


def run(arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The command to its end, which may be minutes away."""
    return subprocess.run(
        [*MANAGE, *arguments], env=env, capture_output=True, text=True, check=False, timeout=3 * PATIENCE
    )


def with_path(env: dict[str, str], directory: Path, *programs: str) -> dict[str, str]:
    """`env` with a PATH that has these programs and no others."""
    directory.mkdir()
    for program in programs:
        found = next(
            Path(part) / program for part in os.environ["PATH"].split(os.pathsep) if (Path(part) / program).exists()
        )
        (directory / program).symlink_to(found)
    return {**env, "PATH": str(directory)}
