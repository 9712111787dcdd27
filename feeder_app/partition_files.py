"""⑥ One partition's files: rows and dead letters, and the checkpoint that commits them.

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

from brokerlytics.checkpoint import ActiveSegment, Checkpoint, CheckpointFile
from brokerlytics.csv_format import CSV_VERSION, HEADER
from brokerlytics.store import PartitionPaths
from brokerlytics.timestamps import from_milliseconds
from feeder_app.batches import Batch
from feeder_app.errors import OutOfSpaceError, StoreFailedError
from feeder_app.maintenance.meeting import putting_into_a_day
from feeder_app.metrics import FSYNC_CHECKPOINT, count_commit, count_dead_letters
from feeder_app.segment_files import AppendFile, move_into_place, sync_directory


class PartitionFiles:
    """What the holder of the partition's lock writes to, by one thread at a time.

    `checkpoint` is the committed one, and `last_event_at` the time of the newest record of this owner's in it: any
    thread may look at them.
    """

    def __init__(self, paths: PartitionPaths, checkpoint: Checkpoint) -> None:
        """`checkpoint` is the recovered one; the files are opened and cut to what it says is committed.

        Raises StoreDamagedError, OutOfSpaceError, StoreFailedError, OSError.
        """
        self.checkpoint = checkpoint
        self.last_event_at: datetime | None = None
        self._paths = paths
        self._checkpoint_file = CheckpointFile(paths.checkpoint)
        self._dead_letters = AppendFile(paths.dead_letters, checkpoint.dead_letter_bytes)
        active = checkpoint.active
        self._segment: AppendFile | None = None
        if active and not active.closing_to:
            self._segment = AppendFile(paths.state / active.name, active.committed_bytes)

    def commit(self, batch: Batch, now: datetime) -> None:
        """Write and commit a batch, closing the active segment first when the batch cannot go into it.

        Raises OutOfSpaceError: nothing of the batch is left in the files. Raises StoreFailedError, StoreDamagedError.
        """
        active = self.checkpoint.active
        # A late record stays in the segment of a later day: no file is opened for a few stragglers.
        if batch.rows and active and (batch.date > active.date or active.csv_version != CSV_VERSION):
            self.close_segment(now)
        try:
            active = self._append(batch, now)
        except OutOfSpaceError:
            self._roll_back()
            raise
        self.write_checkpoint(
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
        count_dead_letters(self._paths, batch.dead_letters)
        for file in (self._segment, self._dead_letters):
            if file:
                file.mark_committed()

    def close_segment(self, now: datetime) -> None:
        """Make the active segment a closed one that every reader sees. Nothing to do without one.

        Raises OutOfSpaceError: `finish_close` is due. Raises StoreFailedError, StoreDamagedError.
        """
        active = self.checkpoint.active
        if active is None:
            return
        target = self._paths.closed_name(active.date, active.first_offset, self.checkpoint.next_offset - 1)
        self.write_checkpoint(now, active=msgspec.structs.replace(active, closing_to=target))
        self.finish_close(now)

    def finish_close(self, now: datetime) -> None:
        """Go on with a close that a crash or a full disk left half done. Raises as `close_segment` does."""
        active = self.checkpoint.active
        if active is None or active.closing_to is None:
            return
        with putting_into_a_day(self._paths.root):
            move_into_place(self._paths.state / active.name, self._paths.data / active.closing_to)
        if self._segment:
            self._segment.close()
            self._segment = None
        self.write_checkpoint(now, active=None)

    def write_checkpoint(self, now: datetime, **changes: Any) -> None:
        """Commit these changes to the checkpoint. Raises StoreFailedError."""
        sequence = self.checkpoint.sequence + 1
        checkpoint = msgspec.structs.replace(self.checkpoint, sequence=sequence, committed_at=now, **changes)
        try:
            with FSYNC_CHECKPOINT.time():
                self._checkpoint_file.write(checkpoint)
        except OSError as error:
            raise StoreFailedError(f"{self._paths.checkpoint}: {error.strerror}.") from error
        count_commit(self._paths, self.checkpoint, checkpoint)
        self.checkpoint = checkpoint

    def close(self) -> None:
        """Close the files as they are."""
        for file in (self._segment, self._dead_letters, self._checkpoint_file):
            if file:
                file.close()

    def _append(self, batch: Batch, now: datetime) -> ActiveSegment | None:
        """Returns when rows and dead letters are on disk, with the active segment as it is then."""
        active = self.checkpoint.active
        if batch.rows:
            active, segment = self._segment_for(batch, now)
            if not active.committed_bytes:
                segment.append(HEADER)
            segment.append(batch.rows)
            segment.sync()
            active = msgspec.structs.replace(active, committed_bytes=segment.size)
        if batch.dead_letters:
            self._dead_letters.append(batch.dead_letters)
            self._dead_letters.sync()
        return active

    def _segment_for(self, batch: Batch, now: datetime) -> tuple[ActiveSegment, AppendFile]:
        if self.checkpoint.active and self._segment:
            return self.checkpoint.active, self._segment
        first = self.checkpoint.next_offset
        name = self._paths.active_name(first, self.checkpoint.epoch)
        if self._segment:
            self._segment.close()
        self._segment = AppendFile(self._paths.state / name, 0)
        sync_directory(self._paths.state)
        active = ActiveSegment(
            name=name, first_offset=first, committed_bytes=0, date=batch.date, opened_at=now, csv_version=CSV_VERSION
        )
        return active, self._segment

    def _roll_back(self) -> None:
        for file in (self._segment, self._dead_letters):
            if file:
                file.roll_back()
