"""The dead letters of a topic with what was done about them: to be listed, found and dropped."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from brokerlytics.dead_letters import DeadLetter, committed_lines, decode_letter
from brokerlytics.store import PartitionPaths, partitions_in
from feeder_app.dead_letters.journal import Entry, LetterState, append, last_entries, state_of
from feeder_app.errors import FeederError, PartitionBusyError
from feeder_app.locking import FileLock

# Nothing is settled about these.
OPEN: Final = frozenset({LetterState.WAITING, LetterState.UNFINISHED})


class LetterError(FeederError):
    """What was asked for cannot be done with these letters; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Item:
    """A dead letter, and the last step with it."""

    letter: DeadLetter
    entry: Entry | None

    @property
    def state(self) -> LetterState:
        """A letter that `forget` has blanked is dealt with: there is nothing left to send."""
        state = state_of(self.entry)
        return LetterState.DROPPED if state in OPEN and self.letter.is_blank else state


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: what is not set asks for nothing. `places` are PARTITION:OFFSET; an empty set is none of them."""

    reason: str | None = None
    partition: int | None = None
    states: frozenset[LetterState] = frozenset()
    places: frozenset[str] | None = None

    def takes(self, item: Item) -> bool:
        letter = item.letter
        return (
            self.reason in (None, letter.reason)
            and self.partition in (None, letter.partition)
            and (not self.states or item.state in self.states)
            and (self.places is None or letter.place in self.places)
        )


def read_inbox(root: Path, topic: str, wanted: Wanted | None = None) -> Iterator[Item]:
    """The committed letters that are wanted, by partition and offset, one at a time; feeders may go on.

    Raises CorruptCheckpointError, msgspec.MsgspecError, OSError.
    """
    wanted = wanted or Wanted()
    for paths in partitions_in(root, topic):
        if wanted.partition not in (None, paths.partition):
            continue
        entries = last_entries(paths)
        for line in committed_lines(paths):
            letter = decode_letter(line)
            item = Item(letter, entries.get(letter.offset))
            if wanted.takes(item):
                yield item


def find(root: Path, topic: str, places: Collection[str]) -> list[Item]:
    """The letters at these places. Raises LetterError when one of them is none; else as `read_inbox`."""
    found = list(read_inbox(root, topic, Wanted(places=frozenset(places))))
    if missing := set(places) - {item.letter.place for item in found}:
        raise LetterError(f"{topic} has no dead letter at {', '.join(sorted(missing))}. See `deadletters list`.")
    return found


@contextmanager
def job_lock(root: Path, topic: str, now: datetime) -> Iterator[None]:
    """One command at a time works on the dead letters of a topic. Raises LetterError while another does."""
    try:
        lock = FileLock(root / "state" / "dead-letters" / f"{topic}.LOCK", now)
    except PartitionBusyError as error:
        raise LetterError(f"Another command works on them: {error}. Try again when it has ended.") from error
    try:
        yield
    finally:
        lock.release()


def drop(root: Path, topic: str, places: Collection[str], now: datetime) -> int:
    """Mark letters as dealt with; their bytes stay. Returns how many were not before. Raises LetterError, OSError.

    One whose requeue is unfinished can be dropped as well: then nobody looks for it on the topic any more.
    """
    with job_lock(root, topic, now):
        open_items = [item.letter for item in find(root, topic, places) if item.state in OPEN]
        for partition in sorted({letter.partition for letter in open_items}):
            entries = [Entry(step="drop", offset=x.offset, at=now) for x in open_items if x.partition == partition]
            append(PartitionPaths(root, topic, partition), entries)
    return len(open_items)
