"""Explore against plain Python over the same rows."""

import random
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from brokerlytics.event import Event
from dashboard_app.measures.explore import MEASURES, Exploration
from dashboard_app.measures.explore_groups import Group
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import parse_filters
from dashboard_app.reader import ReportReader
from dashboard_app.report import Context, Table
from dashboard_app.reports.explore import LABELS, MAX_LINES, MISSING, OTHER, ExploreReport
from tests.dashboard.plain_people import Row, persons, sessions
from tests.dashboard.queries import make_query
from tests.dashboard.store_builder import Partition, make_event

NOW = datetime(2026, 10, 26, 11, 17, 30, tzinfo=UTC)
CONTEXT = Context(NOW, ZoneInfo("Europe/Berlin"))
REPORT = ExploreReport()


def random_rows(store: Path, seed: int) -> list[Row]:
    """Events of the last days over the change of the clocks, with numbers, texts and nothing in their properties."""
    pick = random.Random(seed)
    events = []
    for _ in range(400):
        properties = {"price": pick.choice([None, 1, 2.5, -3, "7", "many"]), "plan": pick.choice([None, "a", "b", ""])}
        properties["tag"] = f"t{min(pick.randrange(12), pick.randrange(12))}"
        who: dict[str, Any] = {"device_id": f"d{pick.randrange(9)}", "user_id": pick.choice([None, None, "u1", "u2"])}
        moment = NOW - timedelta(minutes=pick.randrange(60 * 24 * 4))
        name = pick.choice(["view", "buy", "sell"])
        events.append(make_event(moment, name, country=pick.choice([None, "DE"]), properties=properties, **who))
    Partition(store).commit(events)
    return [Row(event, 0, offset) for offset, event in enumerate(events)]


def explore(reader: ReportReader, **query: str) -> Exploration:
    asked = make_query(range="7d", **query)
    filters = parse_filters(asked, now=NOW, tz=CONTEXT.tz)
    exploration: Exploration = reader.read(REPORT, filters, REPORT.parse(asked, CONTEXT)).result
    return exploration


def price(event: Event) -> Decimal | None:
    value = event.properties.get("price")
    return None if value in (None, "many") else Decimal(str(value))


def percentile(numbers: Sequence[Decimal], part: int) -> float:
    if len(numbers) == 1:
        return float(numbers[0])
    return statistics.quantiles([float(n) for n in numbers], n=100, method="inclusive")[part - 1]


NUMBERS: dict[str, Callable[[list[Decimal]], float | Decimal]] = {
    "sum": sum,
    "average": lambda numbers: float(sum(numbers)) / len(numbers),
    "minimum": min,
    "maximum": max,
    "median": statistics.median,
    "p90": lambda numbers: percentile(numbers, 90),
    "p95": lambda numbers: percentile(numbers, 95),
    "p99": lambda numbers: percentile(numbers, 99),
}


def expected(measure: str, rows: Sequence[Row], everyone: Sequence[Row]) -> float | Decimal | int | None:
    """What `measure` says of `rows`; persons and sessions are those of the whole store."""
    keys: dict[str, Sequence[object]] = {"persons": persons(everyone), "sessions": sessions(everyone)}
    if measure == "events":
        return len(rows)
    if measure in ("devices", "users"):
        return len({getattr(row.event, f"{measure[:-1]}_id") for row in rows} - {None})
    if measure in keys:
        return len({keys[measure][row.offset] for row in rows})
    numbers = [number for row in rows if (number := price(row.event)) is not None]
    return NUMBERS[measure](numbers) if numbers else 0 if measure == "sum" else None


def in_group(tag: str, group: Group, top: Sequence[str]) -> bool:
    return tag not in top if group.is_other else tag == group.value


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_what_its_definition_says(store: Path, reader: ReportReader, measure: str) -> None:
    rows = random_rows(store, 1)
    query = {"event1": "buy", "measure1": measure, "number1": "properties.price", "by": "properties.tag", "top": "3"}
    groups = explore(reader, **query).groups
    mine = [row for row in rows if row.event.event_type == "buy"]
    count = Counter(row.event.properties["tag"] for row in mine)
    top = sorted(count, key=lambda tag: (-count[tag], tag))[:3]
    assert [group.value for group in groups] == [*top, None]
    assert groups[-1].is_other
    filters = parse_filters(make_query(range="7d"), now=NOW, tz=CONTEXT.tz)
    for group in groups:
        inside = [row for row in mine if in_group(row.event.properties["tag"], group, top)]
        assert group.total == pytest.approx(expected(measure, inside, rows))
        for bucket, value in zip(filters.buckets, group.values, strict=True):
            part = [row for row in inside if bucket.start <= row.event.created_on < bucket.end]
            assert value == pytest.approx(expected(measure, part, rows))


def test_other_counts_a_device_of_two_values_once(store: Path, reader: ReportReader) -> None:
    events = [make_event(NOW - timedelta(minutes=5), device_id="d", properties={"tag": f"t{n}"}) for n in range(9)]
    Partition(store).commit(events)
    groups = explore(reader, measure1="devices", by="properties.tag", top="3").groups
    assert [(group.is_other, group.total) for group in groups] == [(False, 1)] * 3 + [(True, 1)]


def test_rows_without_a_value_and_with_an_empty_one_are_two_groups(store: Path, reader: ReportReader) -> None:
    rows = random_rows(store, 2)
    groups = explore(reader, by="properties.plan").groups
    plans = Counter(row.event.properties["plan"] for row in rows)
    assert {group.value: group.total for group in groups} == plans
    assert not any(group.is_other for group in groups)


def test_several_pairs_are_compared_with_the_period_before(store: Path, reader: ReportReader) -> None:
    rows = random_rows(store, 3)
    query = {"event1": "buy", "event2": "sell", "measure2": "users", "range": "24h", "compare": "previous"}
    asked = make_query(**query)
    filters = parse_filters(asked, now=NOW, tz=CONTEXT.tz)
    exploration = reader.read(REPORT, filters, REPORT.parse(asked, CONTEXT)).result
    assert filters.previous
    for group, name, measure in zip(exploration.groups, ("buy", "sell"), ("events", "users"), strict=True):
        for period, total in ((filters.range, group.total), (filters.previous, group.previous_total)):
            inside = [row for row in rows if period.start <= row.event.created_on < period.end]
            assert total == expected(measure, [row for row in inside if row.event.event_type == name], rows)


def test_an_empty_store_has_a_zero(reader: ReportReader) -> None:
    (group,) = explore(reader).groups
    assert (group.total, set(group.values)) == (0, {0})


def test_amounts_of_two_currencies_are_never_added(store: Path, reader: ReportReader) -> None:
    moment = NOW - timedelta(minutes=5)
    Partition(store).commit([make_event(moment, "buy", revenue=n, currency=c) for n, c in ((1, "EUR"), (2, "USD"))])
    groups = explore(reader, measure1="sum", number1="revenue").groups
    assert {group.value: group.total for group in groups} == {"EUR": Decimal(1), "USD": Decimal(2)}
    with pytest.raises(FilterError, match="never added"):
        explore(reader, measure1="sum", by="country")
    (group,) = explore(reader, measure1="sum", by="country", filter="currency:is:EUR").groups
    assert group.total == 1


def test_a_number_beyond_measure_counts_as_none(store: Path, reader: ReportReader) -> None:
    numbers = [10**18 - 1, 10**18 - 2, 10**28, 1e300, "Infinity", "NaN"]
    Partition(store).commit([make_event(NOW - timedelta(minutes=5), properties={"n": n}) for n in numbers])
    (group,) = explore(reader, measure1="sum", number1="properties.n").groups
    assert group.total == 2 * 10**18 - 3


@pytest.mark.parametrize("view", ["bar", "area"])
def test_currencies_are_neither_stacked_nor_on_one_scale_nor_put_together_as_others(
    store: Path, reader: ReportReader, view: str
) -> None:
    moment = NOW - timedelta(minutes=5)
    paid = [make_event(moment, "buy", revenue=1, currency=c) for c in ("CHF", "EUR", "GBP", "JPY")]
    Partition(store).commit([*paid, make_event(moment, "view")])
    query = make_query(range="7d", measure1="sum", top="3", view=view, event1="buy", compare="previous")
    filters, options = parse_filters(query, now=NOW, tz=CONTEXT.tz), REPORT.parse(query, CONTEXT)
    exploration = reader.read(REPORT, filters, options).result
    assert [group.value for group in exploration.groups] == ["CHF", "EUR", "GBP"]
    shown = REPORT.present(exploration, filters, options, CONTEXT)
    payload = shown["charts"][0].payload
    assert {row.width for row in shown["breakdowns"][0].rows} == {"0"}
    assert (payload["stacked"], payload["previousTotal"], payload["panels"]) == (False, None, True)
    counted = explore(reader, measure1="events", event1="buy", by="currency", top="3").groups
    assert [group.total for group in counted if group.is_other] == [1]


def test_the_tables_name_what_the_series_are(store: Path, reader: ReportReader) -> None:
    random_rows(store, 4)
    query = make_query(range="7d", by="country", view="bar")
    filters, options = parse_filters(query, now=NOW, tz=CONTEXT.tz), REPORT.parse(query, CONTEXT)
    exploration = reader.read(REPORT, filters, options).result
    series, totals = REPORT.tables(exploration, filters, options)
    assert isinstance(series, Table)
    assert set(series.columns) == {"time", "DE", MISSING}
    assert {row[3]: row[4] for row in totals.rows} == {
        "DE": sum(row[series.columns.index("DE")] for row in series.rows),  # type: ignore[misc]
        MISSING: sum(row[series.columns.index(MISSING)] for row in series.rows),  # type: ignore[misc]
    }
    chart = REPORT.present(exploration, filters, options, CONTEXT)["charts"][0]
    assert (chart.payload["kind"], chart.payload["stacked"]) == ("bar", True)


def test_what_is_no_part_of_a_whole_is_not_stacked() -> None:
    query = make_query(range="7d", by="country", view="bar", measure1="devices")
    filters, options = parse_filters(query, now=NOW, tz=CONTEXT.tz), REPORT.parse(query, CONTEXT)
    exploration = Exploration([Group(options.pairs[0], is_other=True, total=1, values=[1] * 7)], [], [])
    chart = REPORT.present(exploration, filters, options, CONTEXT)["charts"][0]
    assert (chart.header, chart.payload["stacked"]) == ([OTHER], False)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"measure1": "mode"}, "measure1"),
        ({"event2": "x", "measure2": "sum", "number2": "nothing"}, "number2"),
        ({"measure1": "sum", "number1": "received_on"}, "number1"),
        ({"by": "nothing"}, "by"),
        ({"top": "1000"}, "top"),
        ({"view": "pie"}, "view"),
    ],
)
def test_a_wrong_query_is_told(query: dict[str, str], parameter: str) -> None:
    with pytest.raises(FilterError) as caught:
        REPORT.parse(make_query(**query), CONTEXT)
    assert caught.value.parameter == parameter


def test_no_more_lines_than_can_be_told_apart() -> None:
    pairs = {f"event{n}": str(n) for n in range(1, 6)}
    options = REPORT.parse(make_query(by="country", top="10", **pairs), CONTEXT)
    assert len(options.pairs) * (options.top + 1) <= MAX_LINES
    assert set(LABELS) == set(MEASURES)


@pytest.mark.parametrize(("pairs", "top"), [(1, 10), (3, 5), (5, 3)])
def test_no_two_series_look_the_same(pairs: int, top: int) -> None:
    events = {f"event{n}": str(n) for n in range(1, pairs + 1)}
    query = make_query(range="7d", by="country", top=str(top), **events)
    filters, options = parse_filters(query, now=NOW, tz=CONTEXT.tz), REPORT.parse(query, CONTEXT)
    values = [*(f"v{n}" for n in range(options.top)), None]
    groups = [
        Group(pair, value, is_other=value is None, total=1, values=[1] * 7)
        for pair in options.pairs
        for value in values
    ]
    series = REPORT.present(Exploration(groups, [], []), filters, options, CONTEXT)["charts"][0].payload["series"]
    assert len({(one["colour"], one["mark"]) for one in series}) == len(series) == pairs * (options.top + 1)
    yellow = 7
    assert yellow not in {one["colour"] for one in series}
    assert max(one["mark"] for one in series) <= 4
