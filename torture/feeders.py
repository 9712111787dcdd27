"""Feeders as processes that can be killed, frozen and made to fail."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from brokerlytics.checkpoint import Checkpoint, read_checkpoint
from brokerlytics.processes import tied_to_parent
from brokerlytics.store import partitions_in

_ROOT = Path(__file__).parent.parent
# Seconds. On a machine that runs everything at once what takes a second elsewhere may take a minute.
_PATIENCE: Final = 180.0
# Small and quick, so that every kill has commits and closes to hit.
QUICK = ("--flush-interval", "0.05", "--roll-bytes", "400000", "--roll-age", "3")


class FeederProcess:
    """One `runfeeder`, with its log. `faults` are the variables of faulty_feeder.py."""

    def __init__(self, env: dict[str, str], log: Path, group: str, *options: str, **faults: str) -> None:
        self.log_file = log
        command = [sys.executable, "-m", "torture.faulty_feeder", "--group", group, *QUICK, *options]
        with log.open("ab") as file:
            self._start = file.tell()
            self._process = subprocess.Popen(
                tied_to_parent(command), cwd=_ROOT, env=env | faults, stdout=file, stderr=file
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    @property
    def log(self) -> str:
        """What it has said so far."""
        with self.log_file.open("rb") as file:
            file.seek(self._start)
            return file.read().decode(errors="replace")

    @property
    def frozen(self) -> bool:
        """Whether it is stopped, by a signal from us or from itself."""
        return (
            self.returncode is None and Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        )

    def send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            self._process.send_signal(number)

    @property
    def last_words(self) -> str:
        """Why it ended: the line of the command's error, or of an exception that nobody foresaw."""
        lines = [line for line in self.log.splitlines() if re.match(r"CommandError: |[\w.]+(Error|Exception)\b", line)]
        return lines[-1] if lines else f"code {self.returncode}"

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self._process.wait()

    def stop(self, timeout: float = _PATIENCE) -> int:
        """Ask it to stop; its exit code."""
        self.send(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float = _PATIENCE) -> int:
        """Its exit code, once it ended by itself."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the feeder did not end in {timeout:.0f} s:\n{self.log}") from None

    def wait_until(self, condition: Callable[[], bool], timeout: float = _PATIENCE) -> None:
        """Wait while it runs. Raises AssertionError with its log when it ends, or takes too long."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert self.returncode is None, f"the feeder ended with {self.returncode}:\n{self.log}"
            assert time.monotonic() < deadline, f"it did not happen in {timeout:.0f} s:\n{self.log}"
            time.sleep(0.05)

    def wait_until_said(self, text: str, timeout: float = _PATIENCE) -> None:
        """Wait for a text in its log, whether it ends meanwhile or not."""
        deadline = time.monotonic() + timeout
        while text not in self.log:
            assert time.monotonic() < deadline, f"it did not say {text!r} in {timeout:.0f} s:\n{self.log}"
            time.sleep(0.05)

    def wait_for_log(self, text: str, timeout: float = _PATIENCE) -> None:
        self.wait_until(lambda: text in self.log, timeout)


class Feeders:
    """Starts feeders on one store and one topic, and ends those that are left. A context manager.

    Args:
        env: environment of all of them.
        home: where their logs go.
        defaults: faults that all of them have.
    """

    def __init__(self, env: dict[str, str], home: Path, **defaults: str) -> None:
        self.store = Path(env.get("STORE_DIR") or Path(env["DATA_DIR"]) / "store")
        self.topic = env["KAFKA_TOPIC"]
        self.all: list[FeederProcess] = []
        self.env = env
        self._home = home
        self._defaults = defaults

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for feeder in self.all:
            feeder.kill()

    def start(self, group: str = "g", *options: str, **faults: str) -> FeederProcess:
        """Its group is of this topic alone: a broker refuses a group that others left with another protocol."""
        log = self._home / f"feeder-{len(self.all)}.log"
        feeder = FeederProcess(self.env, log, f"{group}-{self.topic}", *options, **self._defaults | faults)
        self.all.append(feeder)
        return feeder

    def drain(self, **faults: str) -> FeederProcess:
        """One that took all there is and ended, in a group of its own; its exit code tells whether it could."""
        feeder = self.start(f"last-{len(self.all)}", "--until-end", **faults)
        feeder.wait()
        return feeder

    def checkpoints(self) -> dict[int, Checkpoint]:
        found = [
            (paths.partition, read_checkpoint(paths.checkpoint)) for paths in partitions_in(self.store, self.topic)
        ]
        return {partition: checkpoint for partition, checkpoint in found if checkpoint}

    def committed(self) -> int:
        """How many records are stored, counted as repeated, or parked."""
        return sum(c.rows + c.duplicates + c.dead_letters for c in self.checkpoints().values())

    def committed_until(self, partition: int) -> int:
        """The offset up to which the partition is committed."""
        checkpoint = self.checkpoints().get(partition)
        return checkpoint.next_offset if checkpoint else 0

    def wait_for_work(self, feeder: FeederProcess, records: int = 1) -> None:
        """Until so many more are committed, by this feeder or another."""
        goal = self.committed() + records
        feeder.wait_until(lambda: self.committed() >= goal)

    def work_on(self, feeder: FeederProcess, records: int) -> FeederProcess:
        """Wait until so many more are committed, starting the feeder again when the group fenced it."""
        goal = self.committed() + records
        deadline = time.monotonic() + _PATIENCE
        while self.committed() < goal:
            if feeder.returncode is not None:
                assert "Static consumer fenced" in feeder.log, feeder.log
                assert feeder.returncode == 1, feeder.log
                feeder = self.start()
            assert time.monotonic() < deadline, f"nothing goes on:\n{feeder.log}"
            time.sleep(0.05)
        return feeder

    def said(self, text: str) -> int:
        """How often the feeders have said this."""
        return sum(feeder.log.count(text) for feeder in self.all)


def clean_environment(data: Path, servers: str, topic: str) -> dict[str, str]:
    """The environment of a feeder: nothing of a developer's is in it."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(data),
        "PYTHONUNBUFFERED": "1",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(data),
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "KAFKA_TOPIC": topic,
    }
