import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings

from tests.waiting import wait_until

# Each starts a process that sleeps, says its pid, and waits.
TIED = """
import subprocess
from brokerlytics.processes import tied_to_parent
child = subprocess.Popen(tied_to_parent(["sleep", "1000"]))
print(child.pid, flush=True)
child.wait()
"""
MULTIPROCESSING = """
import multiprocessing, os, time
from brokerlytics.processes import end_with_parent
def work():
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(1000)
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
"""


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Whoever inherits the orphan may be slow to bury it.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return not state.stdout.startswith("Z") and bool(state.stdout)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(TIED, marks=pytest.mark.skipif(sys.platform != "linux", reason="setpriv is Linux's")),
        MULTIPROCESSING,
    ],
)
def test_a_child_ends_when_its_parent_is_killed(code: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert runs(pid)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not runs(pid))
