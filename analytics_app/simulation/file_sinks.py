"""Simulated events into a file or to the next program: as JSON lines, or as the CSV that `importevents` reads."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, Final

from analytics_app.simulation.sending import Message, SendResult, Sink, SinkError
from brokerlytics.csv_format import COLUMNS, encode_cells, encode_row
from brokerlytics.csv_rows import row_encoder
from brokerlytics.event import FIELDS, InvalidEventError
from brokerlytics.event_codec import decode_event

# Rows are made as for the store, which has them from a partition and an offset.
_PLACE: Final = b",0,0"


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
        self._encoder = row_encoder()
        self._write(encode_cells(COLUMNS[: len(FIELDS)]))

    def send(self, messages: list[Message]) -> SendResult:
        rejected: Counter[str] = Counter()
        rows = []
        for row, (_, value) in zip(self._plain_rows([value for _, value in messages]), messages, strict=True):
            try:
                whole = row or _row(value)
            except InvalidEventError as error:
                rejected[error.reason] += 1
            else:
                rows.append(whole.removesuffix(_PLACE + b"\r\n"))
        rows.append(b"")
        self._write(b"\r\n".join(rows))
        return SendResult(accepted=len(rows) - 1, rejected=rejected)

    def _plain_rows(self, values: list[bytes]) -> list[bytes]:
        """Empty ones for what is not plain."""
        if self._encoder is None:
            return [b""] * len(values)
        rows = self._encoder.encode(values, 0, [0] * len(values))
        return [bytes(rows.row(index)) for index in range(len(values))]


def _row(value: bytes) -> bytes:
    """Raises InvalidEventError."""
    return encode_row(decode_event(value, event_id="none", received_on=datetime.now(UTC)), 0, 0)
