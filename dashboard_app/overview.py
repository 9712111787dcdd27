"""From the store to the numbers of one page: look, load, count, and keep the answer while nothing changes."""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from django.conf import settings

from dashboard_app.committed import CommittedStore
from dashboard_app.filters import Filters
from dashboard_app.metrics import Overview, measure
from dashboard_app.scratch import ScratchDirectory

_KEPT: Final = 32
# Maintenance may rewrite a day between the look at its files and their reading.
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Report:
    """An overview, and the time of the newest commit it holds: None while nothing is committed."""

    overview: Overview
    committed_at: datetime | None


class OverviewReader:
    """Answers any number of threads, one at a time: a load takes every core and a bounded share of memory."""

    def __init__(self, root: Path, topic: str, scratch: ScratchDirectory) -> None:
        self._store = CommittedStore(root, topic, scratch)
        self._lock = Lock()
        self._answers: OrderedDict[tuple[object, ...], Overview] = OrderedDict()

    def read(self, filters: Filters) -> Report:
        """The numbers over the rows that are committed now.

        Raises OSError, CorruptCheckpointError and UnreadableStoreError when the store cannot be read.
        """
        with self._lock:
            for _ in range(_TRIES):
                with suppress(FileNotFoundError):
                    return self._read(filters)
            return self._read(filters)

    def _read(self, filters: Filters) -> Report:
        with self._store.look() as look:
            key = (look.version, filters)
            if key not in self._answers:
                with self._store.rows(look) as connection:
                    self._answers[key] = measure(connection, filters)
            self._answers.move_to_end(key)
            if len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
            return Report(self._answers[key], look.committed_at)


def reader() -> OverviewReader:
    """This process's reader of the product's store."""
    return _reader(settings.STORE_DIR, settings.KAFKA_TOPIC, settings.DATA_DIR)


@cache
def _reader(root: Path, topic: str, data_dir: Path) -> OverviewReader:
    return OverviewReader(root, topic, ScratchDirectory(data_dir / "tmp"))
