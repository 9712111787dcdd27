"""Jobs on a store that are killed with SIGKILL at every step that they take on files, one after another.

    python -m tests.feeder.killed_jobs JOB STORE DIRECTORY

Prints JSON: the names of the steps, and what was wrong. A process of its own, for it forks: the job dies in the
child, and the child's child is the next job.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from brokerlytics.removals import read_removals  # noqa: E402
from feeder_app.maintenance.exchange import exchange  # noqa: E402
from feeder_app.verify.service import VerifyOptions, verify_store  # noqa: E402
from tests.feeder.day_builder import LATER, QUICK, run_forget, run_maintenance  # noqa: E402
from tests.feeder.support import TOPIC, stored_rows  # noqa: E402

STEPS = ("mkdir", "link", "fsync", "rename", "replace", "unlink", "rmdir")
GONE = "d1"


def maintain(root: Path) -> None:
    # The first day is out of date, the others are merged and compressed.
    run_maintenance(root, replace(QUICK, compression="zstd", keep_days=9))


def forget(root: Path) -> None:
    run_forget(root, devices=[GONE])


def is_expired(row: dict[str, str]) -> bool:
    return row["created_on"] < (LATER - timedelta(days=9)).strftime("%Y-%m-%d")


def is_persons(row: dict[str, str]) -> bool:
    return row["device_id"] == GONE


JOBS: dict[str, tuple[Callable[[Path], None], Callable[[dict[str, str]], bool]]] = {
    "maintain": (maintain, is_expired),
    "forget": (forget, is_persons),
}


def in_child(work: Callable[[], None]) -> int:
    """The wait status of a child that does `work`."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def dying(job: Callable[[Path], None], root: Path, at: int, told: Path) -> None:
    """Do the job, and die before the step numbered `at`."""
    count = 0

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == at:
                told.write_text(name)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return step

    for name in STEPS:
        setattr(os, name, wrap(name, getattr(os, name)))
    patch("feeder_app.maintenance.workspace.exchange", wrap("exchange", exchange)).start()
    job(root)


def problems(
    root: Path, whole: list[dict[str, str]], goes: Callable[[dict[str, str]], bool], *, done: bool
) -> Iterator[str]:
    """What is wrong with the store: a row twice, one missing that stays, what `verifystore` finds.

    When it is `done`, one that should be gone.
    """
    rows = stored_rows(root)
    places = [(row["_partition"], row["_offset"]) for row in rows]
    if len(places) != len(set(places)):
        yield "rows are there twice"
    if sorted(map(str, (r for r in rows if not goes(r)))) != sorted(map(str, (r for r in whole if not goes(r)))):
        yield "rows are missing or changed"
    for account in verify_store(VerifyOptions(root, TOPIC), lambda _: None):
        yield from (f"verifystore: {text}" for text in account.findings.texts())
    if not done:
        return
    if any(map(goes, rows)):
        yield "rows are still there"
    if sum(removal.rows for removal in read_removals(root, TOPIC)) != sum(map(goes, whole)):
        yield "the removals are not those that happened"
    if left := [path.name for path in (root / "state" / "maintenance").iterdir() if path.name not in KEPT]:
        yield f"left behind: {left}"


KEPT = {"LOCK", "SWAP", "removals.ndjson"}


class Killing:
    """One job, killed at one step after another, each time on a fresh copy of the store."""

    def __init__(self, name: str, store: Path, directory: Path) -> None:
        self._job, self._goes = JOBS[name]
        self._store = store
        self._directory = directory
        self._whole = stored_rows(store)
        self.steps: list[str] = []
        self.wrong: list[str] = []

    def run_once(self) -> bool:
        """Kill it one step later than before; False when it came to its end."""
        number = len(self.steps) + 1
        root, told = self._directory / str(number), self._directory / f"{number}.step"
        shutil.copytree(self._store, root)
        killed = os.WIFSIGNALED(in_child(lambda: dying(self._job, root, number, told)))
        if killed:
            self.steps.append(told.read_text())
            self._note(root, f"killed at {number} ({self.steps[-1]})", done=False)
            if in_child(lambda: self._job(root)):
                self.wrong.append(f"killed at {number} ({self.steps[-1]}): the next job failed")
        self._note(root, f"after {number}", done=True)
        shutil.rmtree(root)
        return killed

    def _note(self, root: Path, when: str, *, done: bool) -> None:
        self.wrong += [f"{when}: {text}" for text in problems(root, self._whole, self._goes, done=done)]


if __name__ == "__main__":
    # A kill loses nothing that was written: syncing would only take time.
    patch("os.fsync", lambda _: None).start()
    killing = Killing(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    while killing.run_once():
        pass
    sys.stdout.write(json.dumps({"steps": killing.steps, "wrong": killing.wrong}))
