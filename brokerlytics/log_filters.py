"""Filters that keep the log readable while a broker is away, and free of secrets."""

import logging
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

_INTERVAL: Final = 30.0
# `FAIL [client] [thrd:broker]: ` in front of a message names things inside the client.
_ORIGIN: Final = re.compile(r"^[A-Z_]+ (?:\[[^\]]*\] ?)+:? ?")
_NUMBERS: Final = re.compile(r"\d+")


class Throttle(logging.Filter):
    """For librdkafka, which says twenty times a second that it cannot connect.

    Lets a message through once in 30 seconds; messages that differ in numbers only are the same one.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _ORIGIN.sub("", record.getMessage()), None
        key = _NUMBERS.sub("", record.msg)
        now = self._clock()
        self._last = {known: at for known, at in self._last.items() if now - at < _INTERVAL}
        if key in self._last:
            return False
        self._last[key] = now
        return True


class NotUnavailable(logging.Filter):
    """Drops Django's line for each answer 503: whoever gives one has said why, once."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != HTTPStatus.SERVICE_UNAVAILABLE


class WithoutToken(logging.Filter):
    """Takes the token of a share link out of Django's lines, which have the path of what was not answered well."""

    def filter(self, record: logging.LogRecord) -> bool:
        match = getattr(getattr(record, "request", None), "resolver_match", None)
        if match and "token" in match.kwargs:
            record.msg, record.args = record.getMessage().replace(match.kwargs["token"], "…"), None
        return True
