"""⑥ One partition's writer: it takes records, and commits them while it takes more.

A commit goes on in a thread of the partition's own, with the batches that were taken out of the buffer for it; there is
never more than one. Whatever else touches the files waits for it first, letting the partition go too, so that the files
have one user at a time, who holds the lock. partition_files.py has the order of the steps.
"""

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from brokerlytics.checkpoint import MAX_GAPS, ActiveSegment, Checkpoint, Gap
from brokerlytics.store import PartitionPaths
from feeder_app.batches import Batch
from feeder_app.errors import OutOfSpaceError
from feeder_app.locking import FileLock
from feeder_app.maintenance.meeting import close_requested
from feeder_app.metrics import COMMIT_SECONDS
from feeder_app.partition_files import PartitionFiles
from feeder_app.policies import FeederPolicy, close_due, commit_due
from feeder_app.recall import recall_ids
from feeder_app.records import Records
from feeder_app.row_buffer import RowBuffer
from feeder_app.totals import Totals

logger = logging.getLogger(__name__)


class PartitionWriter:
    """The only writer of one partition, for it holds the partition's lock. Made by `open_partition`."""

    def __init__(
        self, paths: PartitionPaths, lock: FileLock, checkpoint: Checkpoint, policy: FeederPolicy, now: datetime
    ) -> None:
        """`checkpoint` is the recovered one; its files are opened and cut to what is committed."""
        self.paths = paths
        self._at_open = Totals(checkpoint.rows, checkpoint.duplicates)
        self._lock = lock
        self._policy = policy
        self._last_commit = now
        self._buffer = RowBuffer(paths, policy, checkpoint)
        self._files = PartitionFiles(paths, checkpoint)
        # Taken out of the buffer to be committed, in their order.
        self._pending: deque[Batch] = deque()
        self._thread = ThreadPoolExecutor(1, f"commit {paths.topic}[{paths.partition}]")
        self._running: Future[None] | None = None

    @property
    def checkpoint(self) -> Checkpoint:
        """The committed one."""
        return self._files.checkpoint

    @property
    def last_event_at(self) -> datetime | None:
        """The time of the newest record that this owner committed."""
        return self._files.last_event_at

    @property
    def next_offset(self) -> int:
        """The offset of the next record to take, buffered ones counted as taken."""
        return self._buffer.next_offset

    @property
    def buffered_bytes(self) -> int:
        """What a commit would write; not to be asked while one goes on."""
        return self._buffer.size + sum(batch.size for batch in self._pending)

    @property
    def totals(self) -> Totals:
        """What was committed since the partition was opened."""
        rows, duplicates = self._at_open.rows, self._at_open.duplicates
        return Totals(self.checkpoint.rows - rows, self.checkpoint.duplicates - duplicates)

    def append(self, records: Records) -> None:
        """See RowBuffer.append; nothing is written yet."""
        self._buffer.append(records)

    def commit_if_due(self, now: datetime) -> bool:
        """Begin to commit or close what the policy says is due; True when such a commit has ended since the last call.

        Waits for the one that goes on once the next one is as large as the policy allows. Raises what `commit` does.
        """
        ended = False
        if self._running and (self._running.done() or self._buffer.size >= self._policy.flush_bytes):
            self.finish_commit()
            ended = True
        if self._running is None and self._is_due(now):
            self._begin(now)
            self._running = self._thread.submit(self._commit_pending, now)
        return ended

    def finish_commit(self) -> None:
        """Wait for the commit that goes on, if one does. Raises what `commit` does."""
        running, self._running = self._running, None
        if running:
            running.result()

    def commit(self, now: datetime) -> None:
        """Write and commit all that is buffered, closing segments where date, size or age ask for it.

        Raises OutOfSpaceError: what was committed stays, the rest stays buffered, call again later.
        Raises StoreFailedError, StoreDamagedError: open the partition anew.
        """
        with suppress(OutOfSpaceError):
            self.finish_commit()
        self._begin(now)
        self._commit_pending(now)

    def close_segment(self, now: datetime) -> None:
        """See PartitionFiles.close_segment."""
        self.finish_commit()
        self._files.close_segment(now)

    def begin_epoch(self, now: datetime) -> None:
        """Finish a close that a crash left half done, recall what was stored, count one more owner of this partition.

        Raises StoreDamagedError, OSError.
        """
        self._files.finish_close(now)
        self._buffer.seen = recall_ids(self.paths, self.checkpoint, self._policy.seen_block)
        self._files.write_checkpoint(now, epoch=self.checkpoint.epoch + 1)

    def belong_to(self, topic_id: str, now: datetime) -> None:
        """Write down which topic the rows are from: another one of the same name has other records."""
        self.finish_commit()
        self._files.write_checkpoint(now, topic_id=topic_id)

    def skip_to(self, offset: int, now: datetime) -> None:
        """Commit what is buffered, record that the topic lost the offsets from there to `offset`, go on there."""
        self.commit(now)
        gap = Gap(start=self.checkpoint.next_offset, end=offset)
        self._files.write_checkpoint(now, next_offset=offset, gaps=(*self.checkpoint.gaps, gap)[-MAX_GAPS:])
        self._buffer.next_offset = offset

    def release(self) -> None:
        """Let the partition go. What is buffered is dropped: the next owner reads it again from Kafka."""
        if self._running and (error := self._running.exception()):
            logger.warning("%s[%d]: its last commit failed: %s", self.paths.topic, self.paths.partition, error)
        self._thread.shutdown()
        self._files.close()
        self._lock.release()

    def _begin(self, now: datetime) -> None:
        self._pending += self._buffer.take()
        self._last_commit = now

    @COMMIT_SECONDS.time()
    def _commit_pending(self, now: datetime) -> None:
        self._files.finish_close(now)
        while self._pending:
            self._files.commit(self._pending[0], now)
            self._pending.popleft()
        active = self.checkpoint.active
        if active and (close_due(self._policy, now, active) or self._is_wanted_closed(active)):
            self._files.close_segment(now)

    def _is_due(self, now: datetime) -> bool:
        active = self.checkpoint.active
        if self._pending or (active and (active.closing_to or close_due(self._policy, now, active))):
            return True
        if not commit_due(self._policy, now, self._last_commit, self._buffer.size):
            return False
        return bool(self._buffer.batches) or (active is not None and self._is_wanted_closed(active))

    def _is_wanted_closed(self, active: ActiveSegment) -> bool:
        return close_requested(self.paths.root, active.name)
