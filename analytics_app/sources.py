"""The sources as a web process knows them: read once, and again when one of them changes."""

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from django.conf import settings
from django.db import Error, connection, transaction

from analytics_app.models import Source

logger = logging.getLogger(__name__)

# For changes on other machines with the same database; those on this one are seen at once.
_MAX_AGE: Final = 10.0
_LOOK_AGAIN: Final = 0.1
# After the database failed: it may take seconds to say so, and requests wait for it.
_ASK_AGAIN: Final = 1.0
_LOG_INTERVAL: Final = 30.0


class SourcesUnavailableError(Exception):
    """The database failed, and no source is known yet."""


class KnownSource(msgspec.Struct, frozen=True):
    """What a request needs to know of a source. No `allowed_origins` means any; no `rate_limit` means none."""

    id: int
    name: str
    enabled: bool
    allowed_origins: frozenset[str]
    rate_limit: float

    def allows(self, origin: str | None) -> bool:
        return not origin or not self.allowed_origins or origin in self.allowed_origins


class SourceCache:
    """All sources by write key.

    A change in this process is seen at once, one in another process on this machine within _LOOK_AGAIN seconds:
    every change touches one file. While the database is away the sources known so far count.
    """

    def __init__(self) -> None:
        self._by_key: dict[str, KnownSource] = {}
        self._reading = threading.Lock()
        # What is known is what there was at the change of this number.
        self._known_change = 0
        self._last_change = 1
        self._version: int | None = None
        self._read_on = self._looked_on = self._ask_again_on = 0.0
        self._logged_on = -_LOG_INTERVAL

    def is_stale(self) -> bool:
        """Whether `refresh` has something to do or to tell; costs next to nothing."""
        now = time.monotonic()
        if now < self._ask_again_on:
            return not self._known_change
        if self._known_change == self._last_change and now - self._looked_on > _LOOK_AGAIN:
            self._looked_on = now
            if now - self._read_on > _MAX_AGE or _version() != self._version:
                self.forget()
        return self._known_change != self._last_change

    def refresh(self) -> None:
        """Read the sources from the database if they may have changed; whoever calls meanwhile waits for it.

        Raises SourcesUnavailableError while the database fails and has not been read before.
        """
        if not self.is_stale():
            return
        with self._reading:
            if not self.is_stale():
                return
            if time.monotonic() >= self._ask_again_on:
                self._read()
            if not self._known_change:
                raise SourcesUnavailableError("The database does not answer, so no write key can be looked up.")

    def _read(self) -> None:
        # Taken before the query: a change during it makes a later request read again.
        change, version, now = self._last_change, _version(), time.monotonic()
        try:
            self._by_key = {source.write_key: _known(source) for source in Source.objects.all()}
        except Error as error:
            self._failed(error)
            return
        # Told after it: until then nobody goes on with what was known before.
        self._known_change, self._version, self._read_on = change, version, now

    def _failed(self, error: Error) -> None:
        # No request of Django's may end in this thread, which would let a broken connection go.
        connection.close_if_unusable_or_obsolete()
        now = time.monotonic()
        self._ask_again_on = now + _ASK_AGAIN
        if now - self._logged_on >= _LOG_INTERVAL:
            self._logged_on = now
            logger.warning("The sources cannot be read now; those known so far count: %s", error)

    def forget(self) -> None:
        """Have the next request read the sources anew."""
        self._last_change += 1

    def find(self, key: str) -> KnownSource | None:
        """The source of a write key, a disabled one too. Call `refresh` first."""
        return self._by_key.get(key)

    def any_allows(self, origin: str) -> bool:
        """Whether any source takes events from `origin`: a preflight request carries no key."""
        return any(source.enabled and source.allows(origin) for source in self._by_key.values())


source_cache: Final = SourceCache()


def source_changed(**_signal: Any) -> None:
    """A receiver of Django's signals: every process on this machine reads the sources anew.

    Told twice: now, for whoever reads within the same transaction, and when others can see the change.
    """
    _tell()
    transaction.on_commit(_tell)


def _tell() -> None:
    source_cache.forget()
    path = _marker()
    # Two changes within one tick of the file system's clock are two changes.
    version = max(time.time_ns(), (_version() or 0) + 1)
    path.touch()
    os.utime(path, ns=(version, version))


def _known(source: Source) -> KnownSource:
    limit = settings.RATE_LIMIT if source.rate_limit is None else source.rate_limit
    return KnownSource(
        id=source.pk,
        name=source.name,
        enabled=source.enabled,
        allowed_origins=frozenset(source.allowed_origins.split()),
        # Each worker process has a share.
        rate_limit=limit / settings.WEB_WORKERS,
    )


def _marker() -> Path:
    path: Path = settings.DATA_DIR / "sources-changed"
    return path


def _version() -> int | None:
    try:
        return _marker().stat().st_mtime_ns
    except FileNotFoundError:
        return None
