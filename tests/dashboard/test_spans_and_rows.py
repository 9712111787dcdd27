"""The numbers of people by spans and by rows: the same on stores that are indexed, in tails, and both."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.event import Event
from dashboard_app.measures.event_types import event_types
from dashboard_app.measures.lifetime import measure_lifetime
from dashboard_app.measures.retention import measure_retention
from dashboard_app.measures.revenue import measure_revenue
from dashboard_app.measures.sessions import measure_sessions
from dashboard_app.measures.users import Order, measure_people
from dashboard_app.question.conditions import Condition, Operator
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.reading.rows import Rows
from dashboard_app.report import Context
from dashboard_app.reports.retention import RetentionReport
from tests.dashboard.queries import make_query
from tests.dashboard.store_builder import Partition, make_event
from tests.dashboard.test_events import alias_of, aliased
from tests.dashboard.test_index import build, opened

# The clocks of Berlin go back in the night to the 25th.
MIDNIGHT = datetime(2026, 10, 24, 22, tzinfo=UTC)
NOW = datetime(2026, 10, 27, 9, 17, 31, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
# Every event has one; with a condition, rows are counted.
EVERY = (Condition("event_id", Operator.SET),)
ROW_SPANS = (
    "CREATE TEMP TABLE row_span AS SELECT * EXCLUDE (span), -row_number() OVER () AS span FROM span_events",
    "CREATE TEMP VIEW span_events AS FROM row_span",
    """CREATE TEMP VIEW recent_span AS
       SELECT span, person, session, created_on AS first_on, created_on AS last_on, 1 AS events,
              (event_type <> 'START_SESSION')::INTEGER AS acts, user_id IS NOT NULL AS has_user,
              device_id IS NOT NULL AS has_device, page_path AS page_1, NULL::VARCHAR AS page_2,
              NULL::VARCHAR AS page_3, page_path AS exit_page, platform
       FROM row_span""",
    "CREATE TEMP VIEW spans AS FROM recent_span",
)


@st.composite
def happened(draw: st.DrawFn) -> Event:
    """Events around midnights of Berlin and of UTC; who did them may sign in, or be joined by an alias, later."""
    midnight = MIDNIGHT + timedelta(hours=draw(st.sampled_from([0, 2, 25, 27, 49])))
    minutes = draw(st.sampled_from([-1500, -61, -40, -11, -1, 0, 1, 5, 29, 31, 62, 200]))
    device = draw(st.sampled_from([None, "d1", "d2", "d3"]))
    user = draw(st.sampled_from([None, None, "u1", "u2"] if device else ["u1", "u2", "u3"]))
    pays = draw(st.sampled_from([False, False, True]))
    event = make_event(
        midnight + timedelta(minutes=minutes, milliseconds=draw(st.sampled_from([0, 0, 1, 999]))),
        draw(st.sampled_from(["START_SESSION", "page_view", "page_view", "buy"])),
        device_id=device,
        user_id=user,
        session_id=draw(st.sampled_from([None, None, "s1", "s2"])),
        page_path=draw(st.sampled_from([None, "/", "/", "/a", "/b"])),
        platform=draw(st.sampled_from([None, "web", "ios"])),
        revenue=draw(st.sampled_from([2.5, -1.0])) if pays else None,
        currency="EUR" if pays else None,
        **(alias_of(draw(st.sampled_from(["u1", "d2"])), "properties") if user == "u3" else {}),
    )
    return aliased(event, "alias") if user == "u3" else event


STEPS = st.tuples(st.lists(happened(), max_size=30), st.integers(0, 1), st.sampled_from(["build", "close", "tail"]))
QUERIES = st.sampled_from(
    [
        {"from": "2026-10-25T00:00", "to": "2026-10-27T00:00"},
        {"from": "2026-10-24T23:59", "to": "2026-10-26T01:01"},
        {"range": "7d", "compare": "previous"},
    ]
)


@settings(max_examples=25, deadline=None)
@given(life=st.lists(STEPS, min_size=1, max_size=4), query=QUERIES, pages=st.integers(1, 3))
def test_spans_and_rows_have_the_same_numbers(
    life: list[tuple[list[Event], int, str]], query: dict[str, str], pages: int
) -> None:
    filters = parse_filters(make_query(**query), now=NOW, tz=BERLIN)
    with TemporaryDirectory() as place, opened(store := Path(place)) as committed:
        partitions = [Partition(store, number) for number in range(2)]
        for day, (events, number, then) in enumerate(life):
            partition = partitions[number]
            partition.commit(events)
            if then != "tail" and partition.next_offset > partition.first_offset:
                partition.close(date=f"2026-10-2{4 + day}")
            if then == "build":
                build(store)
            with committed.look() as look, committed.rows(look) as connection:
                rolled = committed.rolled(connection)
                by_spans = numbers(Rows(connection, rolled), filters, query, pages)
                make_every_row_a_span(connection)
                by_rows = replace(filters, conditions=EVERY)
                assert by_spans == numbers(Rows(connection), by_rows, query, pages)


def make_every_row_a_span(connection: duckdb.DuckDBPyConnection) -> None:
    """For this connection: sessions are then put together from as many pieces as there are rows."""
    for statement in ROW_SPANS:
        connection.execute(statement)


def numbers(rows: Rows, filters: Filters, query: dict[str, str], pages: int) -> list[Any]:
    """What the pages say that are counted from spans."""
    connection = rows.connection
    asked = make_query(**query)
    options = RetentionReport().parse(asked, Context(NOW, BERLIN, asked))
    return [
        measure_sessions(rows, filters, "platform", pages),
        *(measure_people(connection, filters, "", order, 1) for order in Order),
        measure_people(connection, filters, "d", Order.LAST_SEEN, 1),
        measure_revenue(connection, filters, "country"),
        measure_lifetime(connection, filters, filters.buckets, "EUR"),
        measure_retention(connection, filters, options),
        event_types(rows, filters),
    ]
