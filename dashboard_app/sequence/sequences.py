"""The sequences of the days that count, and who is who today, kept from one look at the store to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt

from brokerlytics.index_files import FileStamp, IndexedDay, Manifest
from dashboard_app.index.base import parquet
from dashboard_app.sequence.layout import SequenceFile

# Of a device or user all spans have the same person.
_OF_INDEX: Final = "SELECT DISTINCT who, person FROM {spans} WHERE who <> person"
_USERS: Final = "SELECT who FROM {names} WHERE is_user"
_RECENT: Final = "FROM recent_person"
Persons = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Sequences:
    """The rows of the days of the index that count.

    `persons` has the person of each user and device of these days, by its number, as all committed rows have it;
    `are_users` tells which of them are users.
    """

    files: tuple[SequenceFile, ...]
    persons: Persons
    are_users: npt.NDArray[np.bool_]


class SequencesOfIndex:
    """Makes one after the other, and reads again only what has changed. For one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[FileStamp, SequenceFile] = {}
        self._made_of: object = None
        self._persons: Persons = np.zeros(0, np.int32)
        self._are_users = np.zeros(0, bool)

    def make(self, connection: duckdb.DuckDBPyConnection, manifest: Manifest, days: Sequence[IndexedDay]) -> Sequences:
        """Of those days of the manifest that count; after `resolve`. Raises duckdb.Error and OSError."""
        files = [day.sequence for day in days]
        self._files = {file: self._files.get(file) or SequenceFile(self._directory / file.name) for file in files}
        if (manifest, days) != self._made_of:
            self._made_of = None
            self._persons = np.arange(manifest.last_who + 1, dtype=np.int32)
            spans = parquet([self._directory / day.spans.name for day in days])
            _change(self._persons, connection, _OF_INDEX.format(spans=spans))
            self._are_users = np.zeros(manifest.last_who + 1, bool)
            if manifest.names:
                users = _USERS.format(names=parquet([self._directory / manifest.names.name]))
                self._are_users[connection.execute(users).fetchnumpy()["who"]] = True
            self._made_of = manifest, days
        persons = self._persons.copy()
        _change(persons, connection, _RECENT)
        return Sequences(tuple(self._files.values()), persons, self._are_users)


def _change(persons: Persons, connection: duckdb.DuckDBPyConnection, query: str) -> None:
    found = connection.execute(query).fetchnumpy()
    whos, others = (np.asarray(found[name]) for name in ("who", "person"))
    is_old = whos < len(persons)
    persons[whos[is_old]] = others[is_old]
