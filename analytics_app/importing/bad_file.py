"""The file of all bad lines, a CSV."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from analytics_app.importing.batches import BadLine
from analytics_app.importing.errors import ImportFileError
from brokerlytics.csv_format import encode_cells

_COLUMNS: Final = ("line", "code", "field", "message", "raw")


class BadFile:
    """Writes bad lines as they become known. Without a path it writes none."""

    def __init__(self, path: Path | None, *, append: bool) -> None:
        """`append`: the lines of an earlier run stay. Raises ImportFileError when the file cannot be written."""
        try:
            self._file = path.open("ab" if append else "wb") if path else None
        except OSError as error:
            raise ImportFileError(f"--bad {path} cannot be written: {error.strerror}.") from None
        if self._file and not self._file.tell():
            self._file.write(encode_cells(_COLUMNS))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def write(self, lines: Iterable[BadLine]) -> None:
        """Bytes that are not UTF-8 become escapes such as `\\xe9`."""
        if not self._file:
            return
        for line in lines:
            raw = line.raw.decode(errors="backslashreplace").rstrip("\r\n")
            self._file.write(encode_cells((line.line, line.code, line.field, line.message, raw)))
        self._file.flush()
