"""⑥ One partition's writer: rows and dead letters into files, and the checkpoint that commits them.

Commit order (none may pass the one before it):
    1. rows and dead letters are appended,
    2. fdatasync of both files,
    3. the checkpoint is written, 4. fdatasync of the checkpoint: now they are committed,
    5. the offset goes to Kafka, for lag display only (the feeder does that).
Close order: checkpoint with the target's name → rename → fsync of both directories → checkpoint.
A crash between any two steps is undone or finished by `open_partition`.
"""

from datetime import datetime
from typing import Any

import msgspec

from brokerlytics.checkpoint import MAX_GAPS, ActiveSegment, Checkpoint, CheckpointFile, Gap
from brokerlytics.csv_format import CSV_VERSION, HEADER
from brokerlytics.store import PartitionPaths
from brokerlytics.timestamps import from_milliseconds
from feeder_app.batches import Batch
from feeder_app.errors import OutOfSpaceError, StoreFailedError
from feeder_app.locking import FileLock
from feeder_app.maintenance.meeting import close_requested, putting_into_a_day
from feeder_app.metrics import COMMIT_SECONDS, FSYNC_CHECKPOINT, count_commit, count_dead_letters
from feeder_app.policies import FeederPolicy, close_due, commit_due
from feeder_app.recall import recall_ids
from feeder_app.records import Records
from feeder_app.row_buffer import RowBuffer
from feeder_app.segment_files import AppendFile, move_into_place, sync_directory
from feeder_app.totals import Totals


class PartitionWriter:
    """The only writer of one partition, for it holds the partition's lock. Made by `open_partition`."""

    def __init__(
        self, paths: PartitionPaths, lock: FileLock, checkpoint: Checkpoint, policy: FeederPolicy, now: datetime
    ) -> None:
        """`checkpoint` is the recovered one; its files are opened and cut to what is committed."""
        self.paths = paths
        self.checkpoint = checkpoint
        self._at_open = Totals(checkpoint.rows, checkpoint.duplicates)
        self._lock = lock
        self._policy = policy
        self._last_commit = now
        self.last_event_at: datetime | None = None
        self._buffer = RowBuffer(paths, policy, checkpoint)
        self._checkpoint_file = CheckpointFile(paths.checkpoint)
        self._dead_letters = AppendFile(paths.dead_letters, checkpoint.dead_letter_bytes)
        active = checkpoint.active
        self._segment: AppendFile | None = None
        if active and not active.closing_to:
            self._segment = AppendFile(paths.state / active.name, active.committed_bytes)

    @property
    def next_offset(self) -> int:
        """The offset of the next record to take, buffered ones counted as taken."""
        return self._buffer.next_offset

    @property
    def buffered_bytes(self) -> int:
        return self._buffer.size

    @property
    def totals(self) -> Totals:
        """What was committed since the partition was opened."""
        rows, duplicates = self._at_open.rows, self._at_open.duplicates
        return Totals(self.checkpoint.rows - rows, self.checkpoint.duplicates - duplicates)

    def append(self, records: Records) -> None:
        """See RowBuffer.append; nothing is written yet."""
        self._buffer.append(records)

    def commit_if_due(self, now: datetime) -> bool:
        """Commit or close what the policy says is due; True when the checkpoint moved."""
        active = self.checkpoint.active
        due = self._buffer.batches and commit_due(self._policy, now, self._last_commit, self.buffered_bytes)
        if due or (active and (active.closing_to or self._close_due(active, now))):
            self.commit(now)
            return True
        return False

    @COMMIT_SECONDS.time()
    def commit(self, now: datetime) -> None:
        """Write and commit all that is buffered, closing segments where date, size or age ask for it.

        Raises OutOfSpaceError: what was committed stays, the rest stays buffered, call again later.
        Raises StoreFailedError, StoreDamagedError: open the partition anew.
        """
        self._finish_close(now)
        while self._buffer.batches:
            batch = self._buffer.batches[0]
            active = self.checkpoint.active
            # A late record stays in the segment of a later day: no file is opened for a few stragglers.
            if batch.rows and active and (batch.date > active.date or active.csv_version != CSV_VERSION):
                self.close_segment(now)
            self._commit_batch(batch, now)
            self._buffer.batches.popleft()
        active = self.checkpoint.active
        if active and self._close_due(active, now):
            self.close_segment(now)
        self._last_commit = now

    def close_segment(self, now: datetime) -> None:
        """Make the active segment a closed one that every reader sees. Nothing to do without one."""
        active = self.checkpoint.active
        if active is None:
            return
        target = self.paths.closed_name(active.date, active.first_offset, self.checkpoint.next_offset - 1)
        self._write_checkpoint(now, active=msgspec.structs.replace(active, closing_to=target))
        self._finish_close(now)

    def begin_epoch(self, now: datetime) -> None:
        """Finish a close that a crash left half done, recall what was stored, count one more owner of this partition.

        Raises StoreDamagedError, OSError.
        """
        self._finish_close(now)
        self._buffer.seen = recall_ids(self.paths, self.checkpoint, self._policy.seen_block)
        self._write_checkpoint(now, epoch=self.checkpoint.epoch + 1)

    def belong_to(self, topic_id: str, now: datetime) -> None:
        """Write down which topic the rows are from: another one of the same name has other records."""
        self._write_checkpoint(now, topic_id=topic_id)

    def skip_to(self, offset: int, now: datetime) -> None:
        """Commit what is buffered, record that the topic lost the offsets from there to `offset`, go on there."""
        self.commit(now)
        gap = Gap(start=self.checkpoint.next_offset, end=offset)
        self._write_checkpoint(now, next_offset=offset, gaps=(*self.checkpoint.gaps, gap)[-MAX_GAPS:])
        self._buffer.next_offset = offset

    def release(self) -> None:
        """Let the partition go. What is buffered is dropped: the next owner reads it again from Kafka."""
        self._buffer.batches.clear()
        for file in (self._segment, self._dead_letters, self._checkpoint_file):
            if file:
                file.close()
        self._lock.release()

    def _commit_batch(self, batch: Batch, now: datetime) -> None:
        active = self.checkpoint.active
        try:
            if batch.rows:
                active, segment = self._segment_for(batch, now)
                segment.append(batch.rows if active.committed_bytes else HEADER + batch.rows)
                segment.sync()
                active = msgspec.structs.replace(active, committed_bytes=segment.size)
            if batch.dead_letters:
                self._dead_letters.append(batch.dead_letters)
                self._dead_letters.sync()
        except OutOfSpaceError:
            self._roll_back()
            raise
        self._write_checkpoint(
            now,
            active=active,
            next_offset=batch.next_offset,
            dead_letter_bytes=self._dead_letters.size,
            dead_letters=self.checkpoint.dead_letters + batch.dead_letter_count,
            rows=self.checkpoint.rows + batch.row_count,
            duplicates=self.checkpoint.duplicates + batch.duplicates,
            poison=batch.poison,
        )
        self.last_event_at = from_milliseconds(batch.newest)
        count_dead_letters(self.paths, batch.dead_letters)
        for file in (self._segment, self._dead_letters):
            if file:
                file.mark_committed()

    def _segment_for(self, batch: Batch, now: datetime) -> tuple[ActiveSegment, AppendFile]:
        if self.checkpoint.active and self._segment:
            return self.checkpoint.active, self._segment
        first = self.checkpoint.next_offset
        name = self.paths.active_name(first, self.checkpoint.epoch)
        if self._segment:
            self._segment.close()
        self._segment = AppendFile(self.paths.state / name, 0)
        sync_directory(self.paths.state)
        active = ActiveSegment(
            name=name, first_offset=first, committed_bytes=0, date=batch.date, opened_at=now, csv_version=CSV_VERSION
        )
        return active, self._segment

    def _close_due(self, active: ActiveSegment, now: datetime) -> bool:
        return close_due(self._policy, now, active) or close_requested(self.paths.root, active.name)

    def _roll_back(self) -> None:
        for file in (self._segment, self._dead_letters):
            if file:
                file.roll_back()

    def _finish_close(self, now: datetime) -> None:
        active = self.checkpoint.active
        if active is None or active.closing_to is None:
            return
        with putting_into_a_day(self.paths.root):
            move_into_place(self.paths.state / active.name, self.paths.data / active.closing_to)
        if self._segment:
            self._segment.close()
            self._segment = None
        self._write_checkpoint(now, active=None)

    def _write_checkpoint(self, now: datetime, **changes: Any) -> None:
        sequence = self.checkpoint.sequence + 1
        checkpoint = msgspec.structs.replace(self.checkpoint, sequence=sequence, committed_at=now, **changes)
        try:
            with FSYNC_CHECKPOINT.time():
                self._checkpoint_file.write(checkpoint)
        except OSError as error:
            raise StoreFailedError(f"{self.paths.checkpoint}: {error.strerror}.") from error
        count_commit(self.paths, self.checkpoint, checkpoint)
        self.checkpoint = checkpoint
