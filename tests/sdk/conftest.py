"""The SDKs of npm, and the table that the tests of this directory print at the end."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

_HERE = Path(__file__).parent
_TABLE = pytest.StashKey[dict[tuple[str, str], "Counts"]]()
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
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        subprocess.run(["npm", "ci", "--no-progress"], cwd=_HERE, check=True, capture_output=True, timeout=240)
        shutil.copyfile(lock, installed)
    return directory


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> AddRow:
    """Adds a row: test, SDK, counts."""
    rows = pytestconfig.stash.setdefault(_TABLE, {})

    def add(test: str, sdk: str, counts: Counts) -> None:
        rows[test, sdk] = counts

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_TABLE, {})
    if not rows:
        return
    terminalreporter.section("official SDKs against the product")
    line = "{:<14} {:<22} {:>6} {:>9} {:>9} {:>7} {:>11}"
    terminalreporter.write_line(line.format("test", "SDK", "sent", "given up", "on topic", "stored", "duplicates"))
    for (test, sdk), counts in sorted(rows.items()):
        terminalreporter.write_line(line.format(test, sdk, *counts))
