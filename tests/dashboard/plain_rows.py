"""Rows of `events` as plain Python, the table `events` of them, and how hypothesis draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from hypothesis import strategies as st

from dashboard_app.question.filters import naive
from tests.dashboard.plain_spans import SpanRow, create_spans, span_numbers

START = datetime(2026, 10, 24, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """What the measures of persons read of a row. A person's rows of one `day` are one span."""

    person: int
    created_on: datetime
    partition: int
    offset: int
    event_type: str
    country: str | None = None
    day: int = 0

    @property
    def place(self) -> tuple[datetime, int, int]:
        return self.created_on, self.partition, self.offset


def database(rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """A connection with these rows as the table `events`."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(
        """CREATE TABLE events (person INTEGER, created_on TIMESTAMP, _partition INTEGER, _offset BIGINT,
        event_type VARCHAR, country VARCHAR, user_id VARCHAR, device_id VARCHAR, source VARCHAR,
        span BIGINT)"""
    )
    connection.execute("CREATE VIEW span_events AS FROM events")
    spans = [SpanRow(r.person, r.person, r.day, r.place, r.event_type, device_id=f"d{r.person}") for r in rows]
    create_spans(connection, spans, person="INTEGER")
    values: list[Any] = [
        (*(r.person, naive(r.created_on), *r.place[1:], r.event_type, r.country), None, f"d{r.person}", "shop", span)
        for r, (span, _) in zip(rows, span_numbers(spans), strict=True)
    ]
    if values:
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    return connection


@st.composite
def drawn_rows(draw: st.DrawFn, *, step: timedelta, steps: int, most: int = 30) -> list[Row]:
    """Rows of few persons in no order; many share a time, and the days around are those on which clocks change."""
    moments = st.integers(0, steps).map(lambda number: START + number * step)
    one = st.tuples(
        st.integers(1, 3),
        moments,
        st.integers(0, 1),
        st.sampled_from("ABC"),
        st.sampled_from([None, "DE", "FR"]),
        st.integers(0, 2),
    )
    drawn = draw(st.lists(one, max_size=most))
    return [
        Row(person, moment, partition, offset, event_type, country, day)
        for offset, (person, moment, partition, event_type, country, day) in enumerate(drawn)
    ]
