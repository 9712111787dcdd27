"""Simulated events into a file or to the next program: as JSON lines, or as the CSV that `importevents` reads."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO

from analytics_app.simulation.sending import Message, SendResult, Sink, SinkError
from brokerlytics.csv_format import COLUMNS, encode_cells
from brokerlytics.csv_rows import plain_rows
from brokerlytics.event import FIELDS, InvalidEventError, Reason
from brokerlytics.event_codec import decode_event


class _FileSink(Sink):
    """Writes to a file that is open; closes it."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        """`source`: the name that the events carry."""
        self.source = source
        self._file = file

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._file.close()

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise SinkError(f"The events cannot be written: {error.strerror}.") from None


class LinesSink(_FileSink):
    """A line for each event: the value as it is on the topic."""

    def send(self, messages: list[Message]) -> SendResult:
        lines = [value for _, value in messages]
        lines.append(b"")
        self._write(b"\n".join(lines))
        return SendResult(accepted=len(messages))


class CsvSink(_FileSink):
    """A row for each event, with the columns of the store but for its place on the topic."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        super().__init__(file, source)
        self._write(encode_cells(COLUMNS[: len(FIELDS)]))

    def send(self, messages: list[Message]) -> SendResult:
        rejected: Counter[str] = Counter()
        rows = []
        for row, (_, value) in zip(plain_rows([value for _, value in messages]), messages, strict=True):
            if row is not None:
                rows.append(row[1])
            else:
                rejected[_why_not(value)] += 1
        rows.append("")
        self._write("\r\n".join(rows).encode())
        return SendResult(accepted=len(rows) - 1, rejected=rejected)


def _why_not(value: bytes) -> str:
    try:
        decode_event(value, event_id="none", received_on=datetime.now(UTC))
    except InvalidEventError as error:
        return error.reason
    return Reason.INVALID_VALUE
