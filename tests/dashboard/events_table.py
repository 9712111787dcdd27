"""The relation `events` as a table of a test's own, without a store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import duckdb

from tests.dashboard.plain_spans import SpanRow, create_spans, span_numbers


@dataclass(frozen=True)
class EventRow:
    """One row of `events`: what the measures read of it. `created_on` is aware, as everywhere in Python.

    A session's rows of one `day` are one span.
    """

    created_on: datetime
    person: str = "p1"
    session: str = "s1"
    event_type: str = "page_view"
    page_path: str | None = None
    country: str | None = None
    revenue: Decimal | None = None
    currency: str | None = None
    source: str | None = None
    received_on: datetime | None = None
    user_id: str | None = None
    device_id: str | None = None
    platform: str | None = None
    partition: int = 0
    offset: int = 0
    day: int = 0

    @property
    def order(self) -> tuple[datetime, int, int]:
        return self.created_on, self.partition, self.offset


_TABLE = """
CREATE TABLE events (
    created_on TIMESTAMP, person VARCHAR, session BIGINT, event_type VARCHAR, page_path VARCHAR, country VARCHAR,
    revenue DECIMAL(24,6), currency VARCHAR, source VARCHAR, received_on TIMESTAMP, user_id VARCHAR, device_id VARCHAR,
    platform VARCHAR, _partition INTEGER, _offset BIGINT, span BIGINT)"""
_INSERT = f"INSERT INTO events VALUES ({', '.join('?' * 16)})"


@contextmanager
def events_table(rows: Sequence[EventRow]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that has `rows` as `events`, `span_events` and `amounts`, in their order, and their `spans`."""
    with duckdb.connect() as connection:
        connection.execute(_TABLE)
        connection.execute("CREATE VIEW span_events AS FROM events")
        connection.execute("CREATE VIEW amounts AS FROM events WHERE revenue IS NOT NULL")
        of_spans = [
            SpanRow(
                *(row.person, row.session, row.day, row.order, row.event_type, row.page_path, row.platform),
                *(row.user_id, row.device_id),
            )
            for row in rows
        ]
        create_spans(connection, of_spans, person="VARCHAR")
        for row, (span, session) in zip(rows, span_numbers(of_spans), strict=True):
            values = [
                *(_naive(row.created_on), row.person, session, row.event_type, row.page_path, row.country),
                *(row.revenue, row.currency, row.source, _naive(row.received_on or row.created_on)),
                *(row.user_id, row.device_id, row.platform, row.partition, row.offset, span),
            ]
            connection.execute(_INSERT, values)
        yield connection


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
