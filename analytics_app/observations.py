"""What became of the events of this process: counted in memory, written to the database once a second.

A request only adds to a counter and leaves a sample, so that a flood of events, good or bad, costs neither
it nor the database more than a few.
"""

import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import Error

from analytics_app.flush_thread import FlushThread
from analytics_app.observation_store import Outcome, Sample, write
from brokerlytics.intake_counts import ACCEPTED
from brokerlytics.masking import masked

logger = logging.getLogger(__name__)

# Of one source, kept between two flushes.
SAMPLES: Final = 10
# Of one code, so that a flood of one mistake leaves room for the others.
SAMPLES_OF_A_CODE: Final = 5
_BODY_BYTES: Final = 4096
_MAX_KEYS: Final = 10_000
_INTERVAL: Final = 1.0
_LOG_INTERVAL: Final = timedelta(seconds=30)


class _Accepted:
    """The accepted events of a source since the last flush: how many, and when and where the newest came."""

    __slots__ = ("events", "samples")

    def __init__(self) -> None:
        self.events = 0
        self.samples: deque[tuple[float, str, bytes]] = deque(maxlen=SAMPLES)


class Observations:
    """Any thread may call `accepted` and `rejected`; neither waits for the database.

    Nothing is written until `start` was called and something was observed, or `flush` is called.
    """

    def __init__(self, interval: float = _INTERVAL) -> None:
        """`interval`: between two flushes, in seconds."""
        self._interval = interval
        self._started = False
        self._flushing = threading.Lock()
        self._logged_on: datetime | None = None
        self._lock = threading.Lock()
        self._thread: FlushThread | None = None
        self._clear()

    def accepted(self, source_id: int, endpoint: str, values: Sequence[bytes]) -> None:
        """Events that the broker acknowledged: `values` are those on the topic. The newest become samples."""
        with self._lock:
            accepted = self._accepted.get(source_id)
            if accepted is None:
                accepted = self._accepted.setdefault(self._bounded(source_id), _Accepted())
            accepted.events += len(values)
            seen = time.time()
            for value in values[-SAMPLES:] if len(values) > SAMPLES else values:
                accepted.samples.append((seen, endpoint, value))
        if self._thread is None and self._started:
            self._run()

    def rejected(  # noqa: PLR0913 (all that is known of a rejection)
        self,
        source_id: int | None,
        endpoint: str,
        code: str,
        message: str,
        *,
        field: str | None = None,
        excerpt: Any = None,
        events: int = 1,
    ) -> None:
        """Events that were not taken. The first of each code between two flushes become samples.

        Args:
            source_id: None where no source is known.
            endpoint: the path that they were sent to.
            code: one of CODES.
            message: as the client got it.
            field: the one that is wrong.
            excerpt: the event as decoded JSON, or the bytes of a body; only a masked start of it is kept.
            events: how many they are.
        """
        with self._lock:
            self._count((source_id, code), events)
            keep = self._has_room(source_id, code)
        if keep:
            content = excerpt[:_BODY_BYTES] if isinstance(excerpt, bytes) else masked(excerpt)
            sample = Sample(source_id, time.time(), code, endpoint, content, message, field or "")
            with self._lock:
                self._rejected.append(sample)
        if self._thread is None and self._started:
            self._run()

    def flush(self, now: datetime) -> bool:
        """Write what was observed since the last call, in one transaction; False when the database failed.

        Then the counts are kept for the next flush; the samples are not.
        """
        with self._flushing:
            counts, samples = self._take()
            if not counts:
                return True
            try:
                write(counts, samples, now)
            except Error as error:
                with self._lock:
                    for outcome, events in counts.items():
                        self._count(outcome, events)
                self._log(error, now)
                return False
            return True

    def start(self) -> None:
        """From the next observation on a thread of this process flushes, and once more when the process ends."""
        self._started = True

    def close(self) -> None:
        """Write what is left, end the thread, and go back to before `start`."""
        self._started = False
        if self._thread is not None:
            self._thread.close()
            self._thread = None

    def forget(self) -> None:
        """In a forked child: the parent has the thread, and writes what it has observed."""
        self._flushing = threading.Lock()
        self._lock = threading.Lock()
        self._thread = None
        self._clear()

    def _clear(self) -> None:
        self._counts: Counter[Outcome] = Counter()
        self._accepted: dict[int | None, _Accepted] = {}
        self._rejected: list[Sample] = []
        self._kept: Counter[int | Outcome | None] = Counter()

    # Sources and codes are few. Should they not be, the counts go on without the source.

    def _bounded(self, source_id: int) -> int | None:
        return source_id if len(self._accepted) < _MAX_KEYS else None

    def _count(self, outcome: Outcome, events: int) -> None:
        if len(self._counts) >= _MAX_KEYS and outcome not in self._counts:
            outcome = (None, outcome[1])
        self._counts[outcome] += events

    def _has_room(self, source_id: int | None, code: str) -> bool:
        if self._kept[source_id] >= SAMPLES or self._kept[source_id, code] >= SAMPLES_OF_A_CODE:
            return False
        if len(self._kept) >= _MAX_KEYS:
            return False
        self._kept[source_id] += 1
        self._kept[source_id, code] += 1
        return True

    def _take(self) -> tuple[Counter[Outcome], list[Sample]]:
        with self._lock:
            counts, accepted, samples = self._counts, self._accepted, self._rejected
            self._clear()
        for source_id, of_source in accepted.items():
            counts[source_id, ACCEPTED] += of_source.events
            samples += [Sample(source_id, seen, ACCEPTED, path, value) for seen, path, value in of_source.samples]
        return counts, sorted(samples, key=lambda sample: sample.seen)

    def _log(self, error: Error, now: datetime) -> None:
        if self._logged_on is None or now - self._logged_on >= _LOG_INTERVAL:
            self._logged_on = now
            logger.warning("The counts of events cannot be written now and are kept: %s", error)

    def _run(self) -> None:
        with self._lock:
            if self._thread is None and self._started:
                self._thread = FlushThread(self.flush, self._interval)


observations: Final = Observations()
os.register_at_fork(after_in_child=observations.forget)
