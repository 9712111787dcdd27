"""The SDKs of npm, and the table that the tests of this directory print at the end."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

_HERE = Path(__file__).parent
_ROW = "official SDKs against the product"
AddRow = Callable[[str, str, "Counts"], None]

pytest.register_assert_rewrite("tests.sdk.expected")


class Counts(NamedTuple):
    """How many events an SDK took, gave up itself, and how many are on the topic and in the CSV; rows too many."""

    sent: int
    given_up: int
    on_topic: int
    stored: int
    duplicates: int


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The pinned SDKs, installed by `npm ci` when the lock file is newer; without Node skipped, in CI it fails."""
    directory = _HERE / "node_modules"
    if not shutil.which("node") or not shutil.which("npm"):
        if "CI" in os.environ:
            pytest.fail("Node.js is missing: apt-get install nodejs npm")
        pytest.skip("Node.js is missing: apt-get install nodejs npm")
    installed = directory / ".installed"
    lock = _HERE / "package-lock.json"
    with lock.open() as file:
        # Another worker of this run may install them now.
        fcntl.flock(file, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_bytes() != lock.read_bytes():
            subprocess.run(["npm", "ci", "--no-progress"], cwd=_HERE, check=True, capture_output=True, timeout=240)
            shutil.copyfile(lock, installed)
    return directory


@pytest.fixture
def table(record_property: Callable[[str, object], None]) -> AddRow:
    """Adds a row: test, SDK, counts."""

    def add(test: str, sdk: str, counts: Counts) -> None:
        record_property(_ROW, (test, sdk, *counts))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # The reports come from all workers of a run.
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = {tuple(value) for report in reports for name, value in report.user_properties if name == _ROW}
    if not rows:
        return
    terminalreporter.section(_ROW)
    line = "{:<14} {:<22} {:>6} {:>9} {:>9} {:>7} {:>11}"
    terminalreporter.write_line(line.format("test", "SDK", "sent", "given up", "on topic", "stored", "duplicates"))
    for row in sorted(rows):
        terminalreporter.write_line(line.format(*row))
