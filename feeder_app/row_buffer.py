"""⑥ One partition's records, encoded into rows and dead letters, in the batches that wait for their commit."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby

from typing_extensions import Buffer

from brokerlytics.checkpoint import Checkpoint
from brokerlytics.csv_format import encode_row
from brokerlytics.csv_rows import Rows
from brokerlytics.event import InvalidEventError
from brokerlytics.native.library import DIGEST_BYTES
from brokerlytics.store import PartitionPaths
from feeder_app.batches import Batch
from feeder_app.digest_sets import digests_of
from feeder_app.errors import PoisonBoundError
from feeder_app.policies import FeederPolicy, count_bad, count_good, poison_exceeded
from feeder_app.records import Record, Records, date_of_day, day_of, dead_letter_of, event_of
from feeder_app.seen_ids import SeenIds, identity_of


class RowBuffer:
    """`next_offset` is that of the next record to take; `batches` are those that nobody has taken.

    Rows are remembered in `seen` as soon as they are here: what is buffered is committed, or dropped together with
    this buffer.
    """

    def __init__(self, paths: PartitionPaths, policy: FeederPolicy, checkpoint: Checkpoint) -> None:
        self.batches: deque[Batch] = deque()
        self.next_offset = checkpoint.next_offset
        self.seen = SeenIds(policy.seen_block)
        self._poison = checkpoint.poison
        self._paths = paths
        self._policy = policy

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(batch.size for batch in self.batches)

    def take(self) -> deque[Batch]:
        """The batches so far, to be committed in their order; what comes from now on goes into others."""
        taken, self.batches = self.batches, deque()
        return taken

    def append(self, records: Records) -> None:
        """Take records, in order of their offsets.

        A record below `next_offset` was taken before and is passed over. One that is no event
        becomes a dead letter, and one whose event was stored lately is only counted.
        Raises PoisonBoundError, with that record and those behind it not taken.
        """
        start = records.first_from(self.next_offset)
        rows = records.rows
        if rows is None:
            self._append_each(records, start, len(records))
            return
        for begin, stop, is_plain in _runs(records, rows, start):
            if is_plain:
                self._append_plain(records, rows, begin, stop)
            else:
                self._append_each(records, begin, stop)

    def _append_plain(self, records: Records, rows: Rows, start: int, stop: int) -> None:
        """Records that are plain and of one day."""
        offsets, last = records.offsets[start:stop], records.timestamps[stop - 1]
        digests = rows.digests[start * DIGEST_BYTES : stop * DIGEST_BYTES]
        are_new = self.seen.remember(digests, offsets, day_of(last))
        self._take(offsets[-1], last, rows.parts(start, are_new), are_new.count(1), stop - start)

    def _append_each(self, records: Records, start: int, stop: int) -> None:
        for index in range(start, stop):
            self._append_one(records[index])

    def _append_one(self, record: Record) -> None:
        try:
            event = event_of(record)
            row = encode_row(event, record.partition, record.offset)
        except InvalidEventError as error:
            self._park(record, error)
            return
        identity = identity_of((event.source or "").encode(), event.event_id.encode())
        is_new = self.seen.remember(digests_of([identity]), [record.offset], record.day)[0]
        self._take(record.offset, record.timestamp, [row], is_new, 1)

    def _take(self, offset: int, timestamp: int, rows: Iterable[Buffer], new: int, records: int) -> None:
        """The `new` rows of so many records of one day, the last one at `offset`; the others repeat an event."""
        self._poison = count_good(self._poison, records)
        date = date_of_day(day_of(timestamp))
        batch = self._batch(date if new else "")
        if new:
            batch.take_rows(rows, new, date)
        batch.duplicates += records - new
        self._reach(batch, offset, timestamp)

    def _park(self, record: Record, error: InvalidEventError) -> None:
        poison = count_bad(self._poison)
        if poison_exceeded(self._policy, poison):
            raise PoisonBoundError(
                f"{record.topic}[{record.partition}] at offset {record.offset}: {self._poison.run} records in a row, "
                f"{self._poison.window_bad} of the last {self._poison.window_seen}, are no events; "
                f"see {self._paths.dead_letters}. "
                "Mend what produces them, or pass --accept-poison to park them all."
            )
        self._poison = poison
        batch = self._batch("")
        batch.take_dead_letter(dead_letter_of(record, error))
        self._reach(batch, record.offset, record.timestamp)

    def _batch(self, date: str) -> Batch:
        """The batch for rows of `date`; what has no row decides no segment's date, and goes into any."""
        if not self.batches or not self.batches[-1].fits(date):
            self.batches.append(Batch(self.next_offset, self._poison))
        return self.batches[-1]

    def _reach(self, batch: Batch, offset: int, timestamp: int) -> None:
        self.next_offset = batch.next_offset = offset + 1
        batch.newest, batch.poison = timestamp, self._poison


def _runs(records: Records, rows: Rows, start: int) -> Iterator[tuple[int, int, bool]]:
    """Records from `start` on that can be taken together: start, stop, and whether they are plain; then of one day."""
    if rows.all_plain and day_of(records.earliest) == day_of(records.latest):
        if start < len(records):
            yield start, len(records), True
        return
    times = enumerate(records.timestamps[start:], start)
    for kind, run in groupby(day_of(time) if rows.is_plain(index) else None for index, time in times):
        stop = start + sum(1 for _ in run)
        yield start, stop, kind is not None
        start = stop
