"""One partition, proven from its own files: names, rows, dead letters, and that every offset is accounted for."""

from collections.abc import Iterator
from itertools import islice
from operator import lt

import msgspec

from brokerlytics.dead_letters import DeadLetter, decode_letter, first_lines
from brokerlytics.store import DAMAGED
from feeder_app.policies import FeederPolicy
from feeder_app.verify.account import RESTORE, Account, Tell, days_of
from feeder_app.verify.repeats import DayCount, Memory
from feeder_app.verify.rows import BadBytes, Rows, scan
from feeder_app.verify.view import Part, View


class PartitionCheck:
    """Reads one view of a partition and fills its account."""

    def __init__(self, view: View, account: Account, tell: Tell) -> None:
        """`tell` is called with the bytes read since the last call."""
        self._view = view
        self._account = account
        self._findings = account.findings
        self._tell = tell
        self._memory = Memory(FeederPolicy().seen_block)
        self._of_days = DayCount()
        self._repeats = 0
        self._letters: set[int] = set()
        self._last = self._last_letter = -1

    def run(self) -> None:
        """Raises OSError, FileNotFoundError among them when maintenance rewrote a day meanwhile."""
        self._check_names()
        self._check_letters()
        for day, part in days_of(self._view.parts, self._findings):
            self._check_part(part, day)
        self._balance()
        if (count := self._of_days.total() - self._repeats) > 0:
            place = f"{self._view.paths.topic}[{self._view.paths.partition}]"
            text = f"{count:,} rows repeat an event of their day that the feeder had forgotten by then: allowed."
            self._findings.note(place, text)

    def _check_names(self) -> None:
        parts, end = self._view.parts, self._view.end
        for part in parts:
            if part.size is None and part.last_offset >= end and self._view.checkpoint:
                text = f"closed up to offset {part.last_offset}, but only those before {end} are committed. The "
                self._findings.fault("checkpoint", part.path, text + "checkpoint is an old one: restore the newest.")
        for before, after in zip(parts, islice(parts, 1, None), strict=False):
            if after.first_offset <= before.last_offset:
                text = f"has offsets up to {before.last_offset}, and {after.path.name} begins at {after.first_offset}."
                self._findings.fault("overlap", before.path, f"{text} Move the one away that does not belong there.")

    def _check_letters(self) -> None:
        paths, checkpoint = self._view.paths, self._view.checkpoint
        size = checkpoint.dead_letter_bytes if checkpoint else 0
        if not size:
            return
        if not paths.dead_letters.exists() or paths.dead_letters.stat().st_size < size:
            text = f"less is there than the {size:,} bytes that are committed. {RESTORE}"
            self._findings.fault("dead letters", paths.dead_letters, text)
        position = lines = 0
        for line in first_lines(paths.dead_letters, size) if paths.dead_letters.exists() else ():
            if text := self._fault_of_letter(line):
                self._findings.fault("dead letters", f"{paths.dead_letters}, byte {position}", f"{text} {RESTORE}")
            position, lines = position + len(line), lines + 1
        self._account.dead_letters = lines
        if checkpoint and lines != checkpoint.dead_letters:
            text = f"{lines:,} lines; the checkpoint says {checkpoint.dead_letters:,}. {RESTORE}"
            self._findings.fault("dead letters", paths.dead_letters, text)

    def _fault_of_letter(self, line: bytes) -> str:
        try:
            letter: DeadLetter = decode_letter(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return f"no dead letter: {error}."
        if not line.endswith(b"\n"):
            return "the line is cut."
        if (letter.topic, letter.partition) != (self._view.paths.topic, self._view.paths.partition):
            return f"a dead letter of {letter.topic}[{letter.partition}]."
        last, self._last_letter = self._last_letter, letter.offset
        self._letters.add(letter.offset)
        if not last < letter.offset < self._view.end:
            return f"offset {letter.offset} after {last}: a letter is there twice, or out of order."
        return ""

    def _check_part(self, part: Part, day: int) -> None:
        self._account.files += 1
        read = 0
        try:
            with part.opened() as file:
                for found in scan(file, part.size):
                    if isinstance(found, BadBytes):
                        self._findings.fault("row", f"{part.path}, byte {found.start}", found.text)
                        continue
                    self._check_rows(part, found, day)
                    self._tell(found.end - read)
                    read = found.end
        except DAMAGED as error:
            self._findings.fault("compression", part.path, f"cannot be unpacked: {error}. {RESTORE}")
            return
        self._account.bytes += read
        if part.size is not None and part.open_file and (there := part.open_file.seek(0, 2)) < part.size:
            text = f"{there:,} bytes are there; the checkpoint says that {part.size:,} are committed. {RESTORE}"
            self._findings.fault("missing", part.path, text)

    def _check_rows(self, part: Part, rows: Rows, day: int) -> None:
        offsets = rows.offsets
        end = self._view.end if self._view.checkpoint else part.last_offset + 1
        self._account.rows += len(offsets)
        in_order = self._last < offsets[0] and all(map(lt, offsets, islice(offsets, 1, None)))
        within = part.first_offset <= offsets[0] and offsets[-1] <= part.last_offset and offsets[-1] < end
        mine = set(rows.partitions) == {b"%d" % self._view.paths.partition}
        if not (in_order and within and mine and self._letters.isdisjoint(offsets)):
            self._name_faults(part, rows)
        self._last = max(self._last, *offsets)
        if in_order:
            self._check_repeats(part, rows, day)

    def _check_repeats(self, part: Part, rows: Rows, day: int) -> None:
        identities = list(map(hash, zip(rows.sources, rows.ids, strict=True)))
        self._of_days.add(day, identities)
        for offset in self._memory.remember_all(day, rows.offsets, identities):
            self._repeats += 1
            text = f"the event of offset {offset} was stored before, and lately enough to be known. Tell the makers."
            self._findings.fault("repeated event", part.path, text)

    def _name_faults(self, part: Part, rows: Rows) -> None:
        last, partition = self._last, b"%d" % self._view.paths.partition
        for (start, _), of, offset in zip(rows.places(), rows.partitions, rows.offsets, strict=True):
            place = f"{part.path}, byte {start}"
            if of != partition:
                self._findings.fault("row", place, f"a row of partition {of.decode()}. {RESTORE}")
            if not part.first_offset <= offset <= part.last_offset:
                self._findings.fault("row", place, f"offset {offset} is not within the file's name. {RESTORE}")
            if offset <= last:
                text = f"offset {offset} after {last}: rows are there twice or out of order. {RESTORE}"
                self._findings.fault("repeated offset", place, text)
            if offset in self._letters:
                self._findings.fault("repeated offset", place, f"offset {offset} is a dead letter as well. {RESTORE}")
            last = max(last, offset)

    def _balance(self) -> None:
        account, view, checkpoint = self._account, self._view, self._view.checkpoint
        account.removed = view.removed_rows
        if checkpoint is None:
            return
        account.next_offset, account.duplicates = checkpoint.next_offset, checkpoint.duplicates
        account.gaps = sum(gap.end - gap.start for gap in checkpoint.gaps)
        place = f"{view.paths.topic}[{view.paths.partition}]"
        if account.rows + account.removed != checkpoint.rows:
            text = f"{account.rows:,} rows are there and {account.removed:,} were removed on purpose; "
            text += f"{checkpoint.rows:,} were stored.{self._uncovered()} Restore what is missing from a backup."
            self._findings.fault("balance", place, text)
        known = checkpoint.rows + checkpoint.dead_letters + account.duplicates + account.gaps
        account.unexplained = checkpoint.next_offset - known
        if account.unexplained < 0:
            text = f"the checkpoint counts {known:,} records below offset {checkpoint.next_offset}. Restore it."
            self._findings.fault("balance", place, text)

    def _uncovered(self) -> str:
        """The largest range of offsets that no file's name covers, as a hint at a file that is missing."""
        spans = [(part.first_offset, part.last_offset + 1) for part in self._view.parts]
        spans += [(gap.start, gap.end) for gap in (self._view.checkpoint.gaps if self._view.checkpoint else ())]
        spans += [(removal.first_offset, removal.last_offset + 1) for removal in self._view.removals]
        holes = list(_holes(sorted(spans), self._view.end))
        if not holes:
            return ""
        start, end = max(holes, key=lambda hole: hole[1] - hole[0])
        return f" No file has the offsets {start} to {end - 1}."


def _holes(spans: list[tuple[int, int]], end: int) -> Iterator[tuple[int, int]]:
    reached = 0
    for start, stop in [*spans, (end, end)]:
        if start > reached:
            yield reached, start
        reached = max(reached, stop)
