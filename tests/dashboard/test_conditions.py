"""Conditions against the same said in Python, and queries that are wrong."""

from datetime import datetime
from itertools import count
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.question.conditions import Condition, Operator, check_column, parse_condition, where_all
from dashboard_app.question.errors import FilterError

ROWS: list[dict[str, Any]] = [
    {
        "country": "DE",
        "revenue": "5",
        "properties": '{"plan":{"name":"pro"},"n":10,"a.b":"dotted","a:b":"A: b","q\\"":"x"}',
    },
    {"country": "de", "revenue": "5.000001", "properties": '{"plan":{"name":"Pro plus"},"n":"9.5"}'},
    {"country": None, "revenue": None, "properties": '{"plan":null,"n":"many"}'},
    {"country": "FR:x", "revenue": "-1", "properties": None},
]


def matching(*texts: str) -> list[int]:
    """The numbers of the rows that all conditions let through."""
    where = where_all([parse_condition(text) for text in texts])
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE events (n INTEGER, country VARCHAR, revenue DECIMAL(24,6), properties VARCHAR, "
            "created_on TIMESTAMP)"
        )
        for number, row in enumerate(ROWS):
            moment = datetime(2026, 11, 23, number)  # noqa: DTZ001 (DuckDB's TIMESTAMP)
            values = [number, row["country"], row["revenue"], row["properties"], moment]
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", values)
        found = connection.execute(f"SELECT n FROM events WHERE {where.sql} ORDER BY n", where.parameters).fetchall()
    return [number for (number,) in found]


@pytest.mark.parametrize(
    ("texts", "rows"),
    [
        (["country:is:DE"], [0]),
        (["country:not:DE"], [1, 2, 3]),
        (["country:contains:d"], [0, 1]),
        (["country:lacks:d"], [2, 3]),
        (["country:is:FR:x"], [3]),
        (["country:set"], [0, 1, 3]),
        (["country:unset:"], [2]),
        (["country:is:DE", "country:is:de"], [0, 1]),
        (["country:is:DE", "country:is:de", "revenue:gt:5"], [1]),
        (["country:not:DE", "country:not:de"], [2, 3]),
        (["revenue:is:5"], [0]),
        (["revenue:not:5.0"], [1, 2, 3]),
        (["revenue:lt:5"], [3]),
        (["created_on:gt:2026-11-23T01:30:00+00:30"], [2, 3]),
        (["properties.plan.name:is:pro"], [0]),
        (["properties.plan.name:contains:PRO"], [0, 1]),
        (["properties.plan:unset"], [2, 3]),
        (["properties.a\\:b:is:A: b"], [0]),
        (["properties.n:gt:9"], [0, 1]),
        (["properties.n:is:10"], [0]),
        (["properties.a\\.b:is:dotted"], [0]),
        (['properties.q":is:x'], [0]),
        (["properties.it's:set"], []),
    ],
)
def test_a_condition_lets_the_rows_through_that_it_says(texts: list[str], rows: list[int]) -> None:
    assert matching(*texts) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no column"),
        ("country", "has no operator"),
        ("country:like:D%", "has no operator"),
        ("country:is:", "has no value"),
        ("nothing:is:1", "“nothing” is no column"),
        ("properties:is:1", "is no column"),
        ("properties.:is:1", "is no column"),
        ("properties.a..b:is:1", "is no column"),
        ("properties.\x00:is:1", "is no column"),
        ("country:gt:many", "is no number"),
        ("revenue:is:NaN", "is no number"),
        ("revenue:gt:1e400", "is no number"),
        ("created_on:lt:yesterday", "is no time"),
        ("created_on:lt:0001-01-01T00:00+23:00", "is no time"),
    ],
)
def test_a_wrong_condition_is_told_what_to_do(text: str, message: str) -> None:
    with pytest.raises(FilterError, match=message) as caught:
        parse_condition(text, "step")
    assert caught.value.parameter == "step"


def test_a_condition_is_written_as_it_is_read() -> None:
    for text in ("country:is:a:b", "properties.x:set:"):
        assert str(parse_condition(text)) == text


texts = st.text(max_size=12)
columns = st.one_of(st.sampled_from(["country", "revenue", "created_on"]), texts.map(lambda text: f"properties.{text}"))
_names = (f"p{number}" for number in count())


@settings(deadline=None, max_examples=200)
@given(columns, st.sampled_from(list(Operator)), texts)
def test_whatever_is_read_is_sql(column: str, operator: Operator, value: str) -> None:
    try:
        condition = parse_condition(f"{column}:{operator}:{value}")
    except FilterError:
        return
    where = where_all([condition, Condition("country", Operator.SET)], next(_names))
    row = "'DE' AS country, 1::DECIMAL(24,6) AS revenue, '{}' AS properties, TIMESTAMP '2026-01-01' AS created_on"
    select = f"SELECT 1 FROM (SELECT {row}) WHERE {where.sql}"
    with duckdb.connect() as connection:
        connection.execute(select, where.parameters).fetchall()


def test_every_column_of_the_csv_can_be_filtered_on() -> None:
    for name in ("event_id", "utm_source", "page_path", "_offset", "context.library.name"):
        check_column(name, "filter")
    assert parse_condition("received_on:gt:2026-01-01").column == "received_on"


def test_a_colon_in_a_name_survives_the_query() -> None:
    condition = Condition("properties.og:title", Operator.IS, "A: b")
    assert str(condition) == "properties.og\\:title:is:A: b"
    assert parse_condition(str(condition)) == condition
