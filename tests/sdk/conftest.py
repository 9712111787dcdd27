"""The SDKs of npm, and the table that the tests of this directory print at the end."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_TABLE = pytest.StashKey[dict[tuple[str, str], tuple[int, int, int]]]()
AddRow = Callable[[str, str, int, int, int], None]


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
    """Adds a row: test, SDK, events sent, events stored, rows too many."""
    rows = pytestconfig.stash.setdefault(_TABLE, {})

    def add(test: str, sdk: str, sent: int, stored: int, duplicates: int) -> None:
        rows[test, sdk] = (sent, stored, duplicates)

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_TABLE, {})
    if not rows:
        return
    terminalreporter.section("official SDKs against the product")
    line = "{:<14} {:<22} {:>6} {:>7} {:>11}"
    terminalreporter.write_line(line.format("test", "SDK", "sent", "stored", "duplicates"))
    for (test, sdk), counts in sorted(rows.items()):
        terminalreporter.write_line(line.format(test, sdk, *counts))
