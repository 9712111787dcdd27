"""What this process may take from the machine from now on. For the process that runs a query, before it does."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

MEBIBYTE: Final = 1024 * 1024
# A file that DuckDB spills to; its temporary directory as a whole has a limit of its own.
_FILE_BYTES: Final = 1024 * MEBIBYTE
# Python, DuckDB's code and the stacks of its threads take this much of the address space and use little of it.
_ADDRESS_SPACE_UNUSED: Final = 1024 * MEBIBYTE
# The server's own work goes first; a busy machine leaves a query a tenth of a processor, not a hundredth.
_NICENESS: Final = 5
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


def limit_process(*, seconds: int, memory: int) -> None:
    """At most `seconds` of processor time, then SIGXCPU ends it, and `memory` MiB; no core dump; a lower priority.

    On Linux it also ends with the thread that started it, and is the first to be ended when memory runs out.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Where both are the same, SIGKILL comes at once.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    os.nice(_NICENESS)
    if sys.platform == "linux":
        space = memory * MEBIBYTE + _ADDRESS_SPACE_UNUSED
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
