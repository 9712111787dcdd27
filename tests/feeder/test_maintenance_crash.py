"""kill -9 at every step of a job, and the next job: all rows are there, once, and so are the removals."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.feeder.day_builder import make_store

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("job", ["maintain", "forget"])
def test_a_job_that_is_killed_at_any_step_loses_and_repeats_nothing(tmp_path: Path, job: str) -> None:
    make_store(tmp_path / "store", days=2, segments=2, rows=8)
    (tmp_path / "copies").mkdir()
    command = [sys.executable, "-m", "tests.feeder.killed_jobs", job, str(tmp_path / "store"), str(tmp_path / "copies")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    assert {"mkdir", "fsync", "replace", "exchange", "unlink", "rmdir"} <= set(told["steps"])
    assert len(told["steps"]) > 35
