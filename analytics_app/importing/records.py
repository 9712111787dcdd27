"""The rows of a CSV or NDJSON file, each with the number of its first line; a bad one does not end the file."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from analytics_app.importing.errors import Fault, ImportFileError
from analytics_app.importing.reading import MAX_LINE_BYTES, is_too_long
from brokerlytics.event import Reason

Format = Literal["csv", "ndjson"]

_LONGEST_CELL: Final = 128 * 1024
_FORMATS: Final[dict[str, tuple[Format, str]]] = {
    ".csv": ("csv", ","),
    ".tsv": ("csv", "\t"),
    ".ndjson": ("ndjson", ","),
    ".jsonl": ("ndjson", ","),
}
_TOO_LONG: Final = (Fault.LINE_TOO_LONG, f"The line has more than {MAX_LINE_BYTES} bytes.")
_NOT_UTF8: Final = (Fault.NOT_UTF8, "The line is not UTF-8.")

Problem = tuple[str, str]


class Record(msgspec.Struct, gc=False):
    """One row: `line` is the number of its first line, `raw` its bytes in the file.

    `row` has the columns that are not empty; a row that cannot be read has a `problem` instead, code and message.
    """

    line: int
    raw: bytes
    row: dict[str, Any] = {}
    problem: Problem | None = None


def format_of(name: str) -> tuple[Format, str] | None:
    """The format and delimiter that a file's name says, such as `.csv` and `.ndjson.gz`; None when it says none."""
    stem = name.lower().removesuffix(".gz")
    return next((found for ending, found in _FORMATS.items() if stem.endswith(ending)), None)


def ndjson_records(lines: Iterator[bytes]) -> Iterator[Record]:
    """One JSON object a line; blank lines are no rows."""
    decode = msgspec.json.Decoder().decode
    for number, raw in enumerate(lines, 1):
        try:
            row = decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if raw.strip():
                yield Record(number, raw, problem=_not_json(raw, error))
            continue
        if isinstance(row, dict):
            yield Record(number, raw, row)
        else:
            yield Record(number, raw, problem=(Reason.NOT_AN_OBJECT, "The line is JSON, but not an object."))


def _not_json(raw: bytes, error: Exception) -> Problem:
    if is_too_long(raw):
        return _TOO_LONG
    try:
        raw.decode()
    except UnicodeDecodeError:
        return _NOT_UTF8
    return Reason.NOT_JSON, f"The line is not JSON: {error}"


class CsvRecords:
    """The rows below a header. Newlines may stand in quotes; blank lines are no rows.

    A quote that is never closed costs one line: reading goes on with the line after it.
    """

    def __init__(self, lines: Iterator[bytes], delimiter: str) -> None:
        """Reads the header. Raises ImportFileError when it is none, DamagedInputError."""
        csv.field_size_limit(_LONGEST_CELL)
        self._texts = _Texts(lines)
        self._reader = csv.reader(self._texts, delimiter=delimiter, strict=True)
        self.header = self._read_header()

    def __iter__(self) -> Iterator[Record]:
        texts, reader, header = self._texts, self._reader, self.header
        while True:
            texts.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                texts.keep_first()
                message = f"The row is not CSV: {str(error).partition(' - ')[0]}."
                yield Record(texts.line, texts.raw, problem=texts.problem or (Fault.NOT_CSV, message))
                continue
            if texts.problem:
                yield Record(texts.line, texts.raw, problem=texts.problem)
            elif len(cells) == len(header):
                row = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
                yield Record(texts.line, texts.raw, row)
            elif cells:
                message = f"The row has {len(cells)} cells, the header {len(header)}."
                yield Record(texts.line, texts.raw, problem=(Fault.WRONG_COLUMNS, message))

    def _read_header(self) -> list[str]:
        self._texts.begin()
        try:
            cells = next(self._reader, [])
        except csv.Error as error:
            raise ImportFileError(f"The header is not CSV: {error}.") from None
        if self._texts.problem:
            raise ImportFileError(f"The header cannot be read. {self._texts.problem[1]}")
        if not cells:
            raise ImportFileError("The file is empty, or its first line is: a CSV begins with its header.")
        header = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, 1)]
        if twice := sorted({name for name in header if header.count(name) > 1}):
            raise ImportFileError(f"The header names {', '.join(twice)} more than once.")
        return header


class _Texts(Iterator[str]):
    """What csv.reader reads. Remembers the lines of the current row, and can give them back."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._again: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._bytes = 0
        self.line = 1
        self.problem: Problem | None = None

    def __next__(self) -> str:
        raw = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(raw)
        self._bytes += len(raw)
        if is_too_long(raw):
            self.problem = _TOO_LONG
            return ""
        if self._bytes > MAX_LINE_BYTES:
            raise csv.Error(f"it has more than {MAX_LINE_BYTES} bytes")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.problem = _NOT_UTF8
            return raw.decode(errors="replace")

    @property
    def raw(self) -> bytes:
        return b"".join(self._taken)

    def begin(self) -> None:
        """The next line is the first one of a row."""
        self.line += len(self._taken)
        self._taken.clear()
        self._bytes, self.problem = 0, None

    def keep_first(self) -> None:
        """Only the first line belongs to the row; the others are read again."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
