"""The relation `spans` as plain Python makes it of rows, for tables of events that are a test's own."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import duckdb


@dataclass(frozen=True)
class SpanRow:
    """What spans are made of. Rows of one person, session and `day` are one span; a day may be any number."""

    person: object
    session: object
    day: int
    order: tuple[datetime, int, int]
    event_type: str
    page_path: str | None = None
    platform: str | None = None
    user_id: str | None = None
    device_id: str | None = None


_TABLE = """
CREATE TABLE recent_span (span BIGINT, person {person}, session BIGINT, first_on TIMESTAMP, last_on TIMESTAMP,
    events INTEGER, acts INTEGER, has_user BOOLEAN, has_device BOOLEAN, page_1 VARCHAR, page_2 VARCHAR,
    page_3 VARCHAR, exit_page VARCHAR, platform VARCHAR)"""


def span_numbers(rows: Sequence[SpanRow]) -> list[tuple[int, int]]:
    """The span and the session of each row. The first span of a session has its number, which is the lowest."""
    sessions = {session: number for number, session in enumerate(dict.fromkeys(row.session for row in rows), 1)}
    spans: dict[tuple[object, object, int], int] = {}
    first: set[object] = set()
    for row in rows:
        key = row.person, row.session, row.day
        if key not in spans:
            spans[key] = len(sessions) + len(spans) + 1 if row.session in first else sessions[row.session]
            first.add(row.session)
    return [(spans[row.person, row.session, row.day], sessions[row.session]) for row in rows]


def create_spans(connection: duckdb.DuckDBPyConnection, rows: Sequence[SpanRow], person: str) -> None:
    """Make `recent_span`, and `spans` of it; `person` is DuckDB's type of persons."""
    connection.execute(_TABLE.format(person=person))
    connection.execute("CREATE VIEW spans AS FROM recent_span")
    by_span = defaultdict(list)
    for row, numbers in zip(rows, span_numbers(rows), strict=True):
        by_span[numbers].append(row)
    for (span, session), mine in by_span.items():
        values = {**plain_span(span, mine), "session": session}
        connection.execute(f"INSERT INTO recent_span VALUES ({', '.join('?' * 14)})", list(values.values()))


def plain_span(span: int, rows: Sequence[SpanRow]) -> dict[str, object]:
    """The span of these rows, by the columns of `recent_span`."""
    ordered = sorted(rows, key=lambda row: row.order)
    pages = [row.page_path for row in ordered if row.page_path is not None]
    path = [*[page for page, _ in groupby(pages)], None, None, None]
    moments = [row.order[0].astimezone(UTC).replace(tzinfo=None) for row in ordered]
    platforms = [row.platform for row in ordered if row.platform is not None]
    return {
        "span": span,
        "person": ordered[0].person,
        "session": ordered[0].session,
        "first_on": moments[0],
        "last_on": moments[-1],
        "events": len(ordered),
        "acts": sum(row.event_type not in ("START_SESSION", "END_SESSION") for row in ordered),
        "has_user": any(row.user_id for row in ordered),
        "has_device": any(row.device_id for row in ordered),
        **{f"page_{number}": path[number - 1] for number in (1, 2, 3)},
        "exit_page": pages[-1] if pages else None,
        "platform": platforms[0] if platforms else None,
    }
