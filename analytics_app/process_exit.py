"""What a web worker does last."""

from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import Any


def call_at_exit(function: Callable[[], object], *, priority: int) -> "Finalize[Any]":
    """Call `function` when this process ends in good order, once; `.cancel()` takes it back.

    The function with the highest `priority` is called first.

    Granian's workers are children of multiprocessing, in which `atexit` is not called.
    """
    return Finalize(None, function, exitpriority=priority)
