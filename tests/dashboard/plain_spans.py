"""The relation `spans` as plain Python makes it of rows, for tables of events that are a test's own."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
CREATE TABLE spans (span VARCHAR, person {person}, session {session}, first_on TIMESTAMP, last_on TIMESTAMP,
    events INTEGER, acts INTEGER, has_user BOOLEAN, has_device BOOLEAN, page_1 VARCHAR, page_2 VARCHAR,
    page_3 VARCHAR, exit_page VARCHAR, platform VARCHAR)"""


def span_names(rows: Iterable[SpanRow]) -> list[str]:
    """The span of each row. The first of a session has the session's name, as the lowest number is both."""
    names: dict[tuple[object, object, int], str] = {}
    for row in rows:
        first = all(session != row.session for _, session, _ in names)
        names.setdefault((row.person, row.session, row.day), str(row.session) if first else f"span {len(names)}")
    return [names[row.person, row.session, row.day] for row in rows]


def create_spans(connection: duckdb.DuckDBPyConnection, rows: Sequence[SpanRow], **types: str) -> None:
    """Make `spans`; `types` are DuckDB's of `person` and `session`."""
    connection.execute(_TABLE.format(**types))
    by_span = defaultdict(list)
    for row, name in zip(rows, span_names(rows), strict=True):
        by_span[name].append(row)
    for name, mine in by_span.items():
        connection.execute(f"INSERT INTO spans VALUES ({', '.join('?' * 14)})", plain_span(name, mine))


def plain_span(name: object, rows: Sequence[SpanRow]) -> list[object]:
    """The span of these rows, as in `spans`."""
    ordered = sorted(rows, key=lambda row: row.order)
    pages = [row.page_path for row in ordered if row.page_path is not None]
    path = [page for page, _ in groupby(pages)]
    moments = [row.order[0].astimezone(UTC).replace(tzinfo=None) for row in ordered]
    acts = sum(row.event_type not in ("START_SESSION", "END_SESSION") for row in ordered)
    platforms = [row.platform for row in ordered if row.platform is not None]
    return [
        *(name, ordered[0].person, ordered[0].session, moments[0], moments[-1], len(ordered), acts),
        any(row.user_id for row in ordered),
        any(row.device_id for row in ordered),
        *[*path, None, None, None][:3],
        pages[-1] if pages else None,
        platforms[0] if platforms else None,
    ]
