"""What was imported: one small file per source and imported file, so that nothing is imported twice."""

import os
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from analytics_app.importing.errors import ImportFileError
from brokerlytics.local_kafka.locks import ProcessLock

_NAME_BYTES: Final = 16


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """How far the import of one file came: its first `rows` rows are acknowledged by the broker, or bad.

    `how` is what the rows were read with; `complete` when the whole file was read.
    """

    source: str
    file: str
    how: str
    started_on: datetime
    saved_on: datetime
    rows: int = 0
    accepted: int = 0
    bad: int = 0
    complete: bool = False


class Ledger:
    """The entry of one file. A context manager: one process at a time has it."""

    def __init__(self, folder: Path, source: str, digest: str) -> None:
        """`digest`: of the file's content."""
        name = blake2b(f"{source}\0{digest}".encode(), digest_size=_NAME_BYTES).hexdigest()
        self._path = folder / f"{name}.json"
        self._lock = ProcessLock(folder / f"{name}.lock")

    def __enter__(self) -> Self:
        """Raises ImportFileError when another process imports the file."""
        if not self._lock.acquire():
            holder = self._lock.holder
            self._lock.close()
            raise ImportFileError(f"The file is being imported already, by the process {holder}.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def read(self) -> Entry | None:
        """None for a file that was never imported. Raises ImportFileError when the entry cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Entry)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            again = "--again begins anew and sends every row."
            raise ImportFileError(
                f"{self._path} says how far the import came, but is damaged: {error}. {again}"
            ) from error

    def save(self, entry: Entry) -> None:
        """Guarantee: after a crash the file holds this entry or the one before it, whole."""
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(entry))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
