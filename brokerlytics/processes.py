"""Child processes that do not outlive the process that started them."""

import multiprocessing
import os
import shutil
import signal
from multiprocessing.connection import wait
from threading import Thread


def tied_to_parent(command: list[str]) -> list[str]:
    """`command` such that it gets SIGTERM when the process that starts it dies, even by SIGKILL.

    Linux's setpriv does it; without setpriv the command comes back as it is.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else command


def end_with_parent() -> None:
    """In a child that multiprocessing made: have it get SIGTERM when its parent is gone. Elsewhere do nothing."""
    if parent := multiprocessing.parent_process():
        sentinel = parent.sentinel

        def watch() -> None:
            wait([sentinel])
            os.kill(os.getpid(), signal.SIGTERM)

        Thread(target=watch, name="end-with-parent", daemon=True).start()
