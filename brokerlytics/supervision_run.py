"""The whole product in the foreground: supervisord with its processes, and their one log."""

import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Final

import httpx

from brokerlytics.processes import tied_to_parent
from brokerlytics.supervision import Program, supervisor_config
from brokerlytics.supervision_log import MergedLog

_READY_INTERVAL: Final = 1.0


class Supervision:
    """supervisord and what it runs, in single steps.

    Args:
        found: what is to run.
        data_dir: has `run/` for supervisord's files and `logs/` for the processes' logs.
        env: the environment of all of them.
        write: takes the lines of the log, as they come.
        colour: whether the names of the processes have colours.
    """

    def __init__(
        self,
        found: list[Program],
        data_dir: Path,
        env: Mapping[str, str],
        write: Callable[[str], None],
        *,
        colour: bool,
    ) -> None:
        run_dir, log_dir = data_dir / "run", data_dir / "logs"
        for directory in (run_dir, log_dir):
            directory.mkdir(exist_ok=True)
        config = run_dir / "supervisord.conf"
        config.write_text(supervisor_config(found, run_dir, log_dir))
        self._write = write
        self._log = MergedLog(log_dir, [program.name for program in found], colour=colour)
        self._told_to_stop = False
        self._supervisord = subprocess.Popen(
            tied_to_parent([sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # Ctrl-C on the terminal reaches us alone: supervisord stops the others in their order.
            start_new_session=True,
        )

    def step(self, *, stop: bool) -> int | None:
        """Write what came to the log; with `stop`, have all stopped, the last one first.

        The exit status of supervisord once everything has ended, None before.
        """
        if stop and not self._told_to_stop:
            self._supervisord.terminate()
            self._told_to_stop = True
        status = self._supervisord.poll()
        for line in self._log.lines():
            self._write(line)
        return status

    def close(self) -> None:
        """Wait for the end of everything. Call it however the steps ended."""
        while self.step(stop=True) is None:
            self._wait()
        self._log.close()

    def _wait(self) -> None:
        try:
            self._supervisord.wait(0.2)
        except subprocess.TimeoutExpired:
            return


class ReadyWatch:
    """Asks /readyz until it says that all is there; in a thread, for an answer may take seconds."""

    def __init__(self, url: str) -> None:
        self.ready = Event()
        self.missing = ""
        self._url = url
        self._stopping = Event()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_READY_INTERVAL):
            self.missing = missing_for_readiness(self._url)
            if not self.missing:
                self.ready.set()
                return


class Announcer:
    """What to tell the operator about readiness: `banner` once all is ready; what is missing when that takes long.

    `late_at` is when it takes long, on the clock that step() is given (seconds).
    """

    def __init__(self, watch: ReadyWatch, banner: str, late_at: float) -> None:
        self._watch = watch
        self._banner = banner
        self._late_at = late_at
        self._done = False

    def step(self, now: float) -> str | None:
        if self._done:
            return None
        if self._watch.ready.is_set():
            self._done = True
            return self._banner
        if now >= self._late_at:
            self._late_at = math.inf
            return f"Not ready yet. {self._watch.missing}"
        return None


def missing_for_readiness(url: str) -> str:
    """What /readyz at `url` says is not there yet; empty when everything is."""
    try:
        parts: dict[str, str] = httpx.get(url, timeout=5.0, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return "The web server does not answer."
    return " ".join(state for state in parts.values() if state != "ok")
