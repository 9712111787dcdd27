"""⑥ One partition's records, encoded into rows and dead letters, in the batches that wait for their commit."""

from collections import deque
from collections.abc import Sequence
from itertools import groupby
from typing import cast

from brokerlytics.checkpoint import Checkpoint
from brokerlytics.csv_format import encode_row
from brokerlytics.csv_rows import PlainRow, plain_rows
from brokerlytics.event import InvalidEventError
from brokerlytics.store import PartitionPaths
from feeder_app.batches import Batch
from feeder_app.errors import PoisonBoundError
from feeder_app.policies import FeederPolicy, count_bad, count_good, poison_exceeded
from feeder_app.records import Record, dead_letter_of, event_of
from feeder_app.seen_ids import SeenIds, identity_of


class RowBuffer:
    """`next_offset` is that of the next record to take; `batches` are to be committed in their order.

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
        return sum(len(batch.rows) + len(batch.dead_letters) for batch in self.batches)

    def append(self, records: Sequence[Record]) -> None:
        """Encode records, in order of their offsets.

        A record below `next_offset` was taken before and is passed over. One that is no event
        becomes a dead letter, and one whose event was stored lately is only counted.
        Raises PoisonBoundError, with that record and those behind it not taken.
        """
        first = self.next_offset
        fresh = [record for record in records if record.offset >= first]
        rows = plain_rows([record.value for record in fresh])
        for day, run in groupby(zip(fresh, rows, strict=True), _day_if_plain):
            if day is None:
                for record, _ in run:
                    self._append_one(record)
            else:
                self._append_run(day, cast("list[tuple[Record, PlainRow]]", list(run)))

    def _append_run(self, day: int, run: list[tuple[Record, PlainRow]]) -> None:
        partition = self._paths.partition
        are_new = self.seen.remember((row[0] for _, row in run), (record.offset for record, _ in run), day)
        rows = [
            f"{cells},{partition},{record.offset}\r\n"
            for (record, (_, cells)), is_new in zip(run, are_new, strict=True)
            if is_new
        ]
        self._take(run[-1][0], rows, len(run))

    def _append_one(self, record: Record) -> None:
        try:
            event = event_of(record)
            row = encode_row(event, record.partition, record.offset).decode()
        except InvalidEventError as error:
            self._park(record, error)
            return
        identity = identity_of((event.source or "").encode(), event.event_id.encode())
        is_new = self.seen.remember([identity], [record.offset], record.day)[0]
        self._take(record, [row] if is_new else [], 1)

    def _take(self, last: Record, rows: list[str], records: int) -> None:
        """The rows of so many records of one day, of which `last` is the last; the others repeat an event."""
        self._poison = count_good(self._poison, records)
        batch = self._batch(last.date if rows else "")
        if rows:
            batch.take_rows(rows, last.date)
        batch.duplicates += records - len(rows)
        self._reach(batch, last)

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
        self._reach(batch, record)

    def _batch(self, date: str) -> Batch:
        """The batch for rows of `date`; what has no row decides no segment's date, and goes into any."""
        if not self.batches or not self.batches[-1].fits(date):
            self.batches.append(Batch(self.next_offset, self._poison))
        return self.batches[-1]

    def _reach(self, batch: Batch, record: Record) -> None:
        self.next_offset = batch.next_offset = record.offset + 1
        batch.newest, batch.poison = record.timestamp, self._poison


def _day_if_plain(taken: tuple[Record, PlainRow | None]) -> int | None:
    record, row = taken
    return None if row is None else record.day
