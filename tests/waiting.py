"""Waiting for what another process, thread or browser does: patiently, for the time counts only in a failure."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import httpx

# Seconds. A machine that runs everything at once may need a minute for what takes a second elsewhere.
PATIENCE: Final = 120.0


def comes_true(condition: Callable[[], bool], timeout: float = PATIENCE) -> bool:
    """Whether the condition came true within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def wait_until(condition: Callable[[], bool], told: Callable[[], object] = lambda: "") -> None:
    """Return when the condition is true; fails after PATIENCE, with what `told` returns then."""
    assert comes_true(condition), f"not within {PATIENCE:.0f} s\n{told()}"


def lives(url: str) -> bool:
    """Whether the web server at `url` answers: one that is just starting refuses connections."""
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/livez", timeout=PATIENCE, trust_env=False).status_code == 200
    return False
