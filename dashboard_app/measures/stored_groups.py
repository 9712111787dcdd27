"""The rows of the index that are of some event types and one source, counted by their values of one column."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

import numpy as np
import numpy.typing as npt

from brokerlytics.native.groups import EVERY_GROUP, Coded, Counts, Groups, Masks, Numbered, count_rows
from brokerlytics.native.library import library
from dashboard_app.question.buckets import Bucket
from dashboard_app.rollup.rolled import Rolled
from dashboard_app.sequence.different import CORES, Part
from dashboard_app.sequence.layout import DEVICE, KIND, KIND_PLACE, WHO, Numbers, SequenceFile, Values
from dashboard_app.sequence.pieces import Piece, pieces_of

# The group of each of some values, which are given by number; 0 stands for none.
Grouping = Callable[[Values], npt.NDArray[np.int64]]
_OF_KINDS: Final = KIND.names or ()


@dataclass(frozen=True)
class StoredGroups:
    """`types` are numbers of event types, None all of them; `source` is that of one, None all; `by` is a column whose
    values are numbered, empty where no values are asked for."""

    rolled: Rolled
    types: tuple[int, ...] | None
    source: int | None
    by: str

    def events_of_values(self, bucket: Bucket) -> Numbers:
        """The events of each value, by its number. Raises OSError."""
        found = np.zeros(1 + max((int(some.max(initial=0)) for some in self._values.values()), default=0), np.int64)
        for piece, counts in self._counted([bucket]):
            np.add.at(found, self._values[piece.file], counts.astype(np.int64))
        return found

    def events(self, buckets: Sequence[Bucket], grouping: Grouping, groups: int) -> Numbers:
        """The events of each bucket and group. Raises OSError."""
        found = np.zeros((len(buckets), groups), np.int64)
        of_values = {file: grouping(values) for file, values in self._values.items()}
        for piece, counts in self._counted(buckets):
            np.add.at(found[piece.bucket], of_values[piece.file], counts.astype(np.int64))
        return found

    def parts(self, buckets: Sequence[Bucket], grouping: Grouping, numbers: str) -> Iterator[Part]:
        """All rows, bucket after bucket, to be counted by groups; `numbers` is the measure whose numbers they have:
        devices, users or persons. Raises OSError."""
        column = DEVICE if numbers == "devices" else WHO
        persons = self.rolled.index.sequences.persons if numbers == "persons" else None
        of_files: dict[SequenceFile, Groups] = {}
        for file, asked in self._asked.items():
            every, masks = np.uint16(EVERY_GROUP), (1 << grouping(self._values[file])).astype(np.uint16)
            if self._has_column:
                of_files[file] = Groups(np.where(asked, every, 0).astype(np.uint16), masks, persons)
            else:
                of_files[file] = Groups(np.where(asked, masks, 0).astype(np.uint16), None, persons)
        for piece in self._pieces(buckets):
            yield Part(piece.bucket, piece.rows, partial(self._loaded, piece, column, of_files[piece.file]))

    def _loaded(self, piece: Piece, column: str, groups: Groups) -> Numbered:
        numbers, *coded = piece.file.read((column, *self._columns), piece.first, piece.end)
        return Numbered(Coded(*coded), numbers, groups)

    def _counted(self, buckets: Sequence[Bucket]) -> Iterator[tuple[Piece, Counts]]:
        """Pieces, and for each value of their file how many rows of the piece have it."""
        with ThreadPoolExecutor(CORES) as pool:
            yield from pool.map(self._count, self._pieces(buckets))

    def _count(self, piece: Piece) -> tuple[Piece, Counts]:
        asked = self._asked[piece.file]
        counts = np.zeros(len(self._values[piece.file]), np.uint64)
        if not asked.all():
            count_rows(library(), Coded(*piece.file.read(self._columns, piece.first, piece.end)), asked, counts)
        elif self.by:
            # Of which kind a row is does not matter.
            (places,) = piece.file.read(self._columns[-1:], piece.first, piece.end)
            count_rows(library(), Coded(places), np.ones(len(counts), bool), counts)
        else:
            counts[0] = piece.rows
        return piece, counts

    def _pieces(self, buckets: Sequence[Bucket]) -> list[Piece]:
        return pieces_of([file for file, asked in self._asked.items() if asked.any()], buckets)

    @property
    def _has_column(self) -> bool:
        """Whether values are those of a column, and not those of kinds."""
        return bool(self.by) and self.by not in _OF_KINDS

    @property
    def _columns(self) -> tuple[str, ...]:
        return (KIND_PLACE, self.by) if self._has_column else (KIND_PLACE,)

    @cached_property
    def _asked(self) -> dict[SequenceFile, npt.NDArray[np.bool_]]:
        """Which kinds of each file are asked for."""
        return {file: self._asked_of(file) for file in self.rolled.index.sequences.files}

    def _asked_of(self, file: SequenceFile) -> npt.NDArray[np.bool_]:
        asked = np.ones(len(file.kinds), bool)
        if self.types is not None:
            asked &= np.isin(file.kinds["event_type"], self.types)
        if self.source is not None:
            asked &= file.kinds["source"] == self.source
        return asked

    @cached_property
    def _values(self) -> dict[SequenceFile, Values]:
        """The values of each file, or those of its kinds."""
        files = self.rolled.index.sequences.files
        if self._has_column:
            return {file: file.values(self.by) for file in files}
        if self.by:
            return {file: np.ascontiguousarray(file.kinds[self.by]) for file in files}
        return {file: np.zeros(len(file.kinds), np.uint32) for file in files}


def counts_for(rolled: Rolled, numbers: str, limit: int) -> Masks:
    """The groups that each number below `limit` counts for: every one, or none."""
    sequences = rolled.index.sequences
    does = np.ones(limit, bool)
    if numbers == "users":
        # Those that came since are users, for no others are looked up.
        does[: len(sequences.are_users)] = sequences.are_users
    does[0] = False
    return np.where(does, np.uint16(EVERY_GROUP), np.uint16(0))
