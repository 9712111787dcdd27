"""The rows of a funnel's steps in the sequences of the index, if all that is asked of them is type, source and time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from brokerlytics.native.division import Stored
from dashboard_app.question.filters import Filters
from dashboard_app.question.steps import Step
from dashboard_app.rollup.rolled import Rolled
from dashboard_app.sequence.layout import HOUR_US, KIND_PLACE, TIME, WHO, Kinds, SequenceFile
from dashboard_app.sequence.sequences import Persons

# Rows that are read at once, unless there are more in an hour; a core reads some.
_ROWS: Final = 1_000_000
_Steps = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The files, the steps of each of their kinds, and the person of each who."""

    files: Sequence[SequenceFile]
    steps: Sequence[_Steps]
    persons: Persons

    def pieces(self, since: int, until: int) -> Iterator[tuple[int, int, int]]:
        """Files and hours of them, from one place to before another, that have all rows of these microseconds."""
        for number, file in enumerate(self.files):
            if not self.steps[number].any():
                continue
            first, end = _places(file, since, until)
            while first < end:
                piece = int(np.searchsorted(file.begins, file.begins[first] + _ROWS, "right")) - 1
                piece = min(max(piece, first + 1), end)
                yield number, first, piece
                first = piece

    def read(self, file: int, first: int, end: int) -> Stored:
        """All rows of some hours of a file. Raises OSError."""
        begins = self.files[file].begins[first : end + 1]
        times, whos, kinds = self.files[file].read((TIME, WHO, KIND_PLACE), int(begins[0]), int(begins[-1]))
        return Stored(times, whos, kinds, self.files[file].hours[first:end], begins[1:] - begins[0])

    def hours(self, since: int, until: int) -> Mapping[int, int]:
        """How many rows there are in each hour that has any, those of no step as well; by hours since 1970."""
        rows: dict[int, int] = defaultdict(int)
        for file in self.files:
            first, end = _places(file, since, until)
            sizes = np.diff(file.begins[first : end + 1])
            for hour, size in zip(file.hours[first:end].tolist(), sizes.tolist(), strict=True):
                rows[hour] += size
        return rows


def stored_rows(rolled: Rolled, filters: Filters, steps: Sequence[Step]) -> StoredRows | None:
    """None where conditions are asked of rows. Raises duckdb.Error."""
    if filters.conditions or any(step.conditions for step in steps):
        return None
    bits: dict[int, int] = defaultdict(int)
    numbers = rolled.numbers("event_type", list(dict.fromkeys(step.event_type for step in steps)))
    for place, step in enumerate(steps):
        bits[numbers.get(step.event_type, 0)] |= 1 << place
    # No row has type 0.
    bits.pop(0, None)
    sequences, source = rolled.index.sequences, rolled.source(filters.source)
    of_files = tuple(_steps_of(file.kinds, bits, source) for file in sequences.files)
    return StoredRows(sequences.files, of_files, sequences.persons)


def _steps_of(kinds: Kinds, bits: Mapping[int, int], source: int | None) -> _Steps:
    steps = np.zeros(len(kinds), np.uint8)
    for event_type, some in bits.items():
        steps[kinds["event_type"] == event_type] = some
    if source is not None:
        steps[kinds["source"] != source] = 0
    return steps


def _places(file: SequenceFile, since: int, until: int) -> tuple[int, int]:
    """The file's hours in which there may be rows of these microseconds, from one place to before another."""
    first, end = np.searchsorted(file.hours, [since // HOUR_US, -(-until // HOUR_US)])
    return int(first), int(end)
