"""Waiting for what another process, thread or browser does: patiently, for the time counts only in a failure."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import httpx
from playwright.sync_api import Page

# Seconds. A machine that runs everything at once may need a minute for what takes a second elsewhere.
PATIENCE: Final = 180.0


def comes_true(condition: Callable[[], bool], timeout: float = PATIENCE, pause: float = 0.05) -> bool:
    """Whether the condition came true within `timeout` seconds, with `pause` between two looks.

    A look that starts a process takes longer than that by itself: pause longer.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def wait_until(condition: Callable[[], bool], told: Callable[[], object] = lambda: "", pause: float = 0.05) -> None:
    """Return when the condition is true; fails after PATIENCE, with what `told` returns then."""
    assert comes_true(condition, pause=pause), f"not within {PATIENCE:.0f} s\n{told()}"


def lives(url: str) -> bool:
    """Whether the web server at `url` answers: one that is just starting refuses connections."""
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/livez", timeout=PATIENCE, trust_env=False).status_code == 200
    return False


def comes_true_in(page: Page, condition: Callable[[], bool]) -> bool:
    """As `comes_true`, for what this process hears of the page in callbacks."""

    def looks() -> bool:
        page.wait_for_timeout(50)
        return condition()

    return comes_true(looks, pause=0)
