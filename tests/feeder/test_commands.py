"""runfeeder with arguments and surroundings that cannot work: one clear line, no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    surroundings = {"PATH": "/usr/bin:/bin", "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path / "var"), **env}
    command = [sys.executable, "manage.py", "runfeeder", *arguments]
    return subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--flush-interval", "soon"], "'soon' is not a number of seconds above 0"),
        (["--flush-interval", "-1"], "'-1' is not a number of seconds above 0"),
        (["--roll-bytes", "12"], "'12' is not a number of bytes from 1024 up"),
        (["--roll-age", "nan"], "'nan' is not a number of seconds above 0"),
        (["--group", "a/b"], "'a/b' must be letters, digits"),
        (["--topic", ""], "'' must be letters, digits"),
        (["--metrics-port", "70000"], "'70000' is not a port from 1 to 65535"),
        (["--from-offset", "17"], "'17' is not PARTITION:OFFSET such as 3:1500"),
        (["--from-time", "yesterday"], "'yesterday' is not an ISO 8601 time"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_arguments_are_told(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_metrics_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, FEEDER_METRICS_PORT=str(port))
    assert done.returncode == 1
    assert f"No metrics at 127.0.0.1:{port}: " in done.stderr
    assert "--metrics-port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    done = run(tmp_path, STORE_DIR=str(tmp_path / "store"))
    assert done.returncode == 1
    assert str(tmp_path / "store") in done.stderr
    assert "Traceback" not in done.stderr
