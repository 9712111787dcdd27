from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dashboard_app.measures.overview import Overview
from dashboard_app.measures.periods import Counts, Period
from dashboard_app.presenting.charts import Chart, Series, category_axis, make_chart, time_axis, time_table
from dashboard_app.presenting.colours import GREY, currency_colours, type_colours
from dashboard_app.question.filters import Filters, parse_filters
from dashboard_app.report import Annotation, Context
from dashboard_app.reports.overview import OTHER, OverviewReport
from tests.dashboard.queries import make_query

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
CONTEXT = Context(NOW, ZoneInfo("UTC"), make_query(), (Annotation(datetime(2026, 11, 23, 1, 5, tzinfo=UTC), "launch"),))


def filters(compare: str = "") -> Filters:
    """23 November at half past one in the morning: two hours have begun, 22 have not."""
    query = make_query(from_="2026-11-23", to="2026-11-24", compare=compare)
    return parse_filters(query, now=NOW, tz=CONTEXT.tz)


def charts(*, compare: str = "", **overview: Any) -> dict[str, Chart]:
    """The charts of the overview."""
    hours = [Counts(5, 2, 3, {"EUR": Decimal(10)}), Counts(4, 1, 1), *(Counts() for _ in range(22))]
    period = Period(Counts(9, 2, 4, {"EUR": Decimal(10), None: Decimal("0.5")}), hours)
    drawn = {"page_view": [3, 4] + [0] * 22}
    defaults: dict[str, Any] = {
        "current": period,
        "before": None,
        "previous": period if compare else None,
        "breakdowns": {},
        "drawn": drawn,
        "currencies": frozenset({"EUR", None}),
        "newest": [],
    }
    shown = OverviewReport().present(Overview(**{**defaults, **overview}), filters(compare), None, CONTEXT)
    return {chart.id: chart for chart in shown["charts"]}


def series(chart: Chart) -> dict[str, list[Any]]:
    return {entry["label"]: entry["values"] for entry in chart.payload["series"]}


def test_the_types_that_are_not_drawn_are_other_types() -> None:
    assert series(charts()["events"]) == {"page_view": [3, 4] + [None] * 22, OTHER: [2, 0] + [None] * 22}


def test_a_bucket_that_has_not_begun_has_no_value_and_no_row() -> None:
    chart = charts()["people"]
    assert series(chart)["Sessions"] == [3, 1] + [None] * 22
    assert [row[1:] for row in chart.rows] == [["2", "3"], ["1", "1"]]
    assert chart.rows[1][0] == "Mon 23 Nov 2026, 01:00 to 02:00 (incomplete) · launch"
    assert chart.payload["incomplete"][:2] == [False, True]


def test_every_currency_has_a_line_of_its_own() -> None:
    assert series(charts()["revenue"]) == {
        "EUR": [10.0, 0.0] + [None] * 22,
        "no currency": [0.0, 0.0] + [None] * 22,
    }
    assert charts()["revenue"].payload["panels"]


def test_one_currency_needs_no_panel_of_its_own() -> None:
    euros = Period(Counts(5, 2, 3, {"EUR": Decimal(10)}), [Counts(5, 2, 3, {"EUR": Decimal(10)})] * 24)
    assert not charts(current=euros)["revenue"].payload["panels"]


def test_of_many_currencies_some_are_drawn_and_all_listed() -> None:
    codes = ("CHF", "EUR", "INR", "JPY", "SEK", "USD")
    amounts: dict[str | None, Decimal] = {code: Decimal(number) for number, code in enumerate(codes)}
    period = Period(Counts(9, 2, 4, amounts), [Counts(9, 2, 4, amounts)] * 24)
    chart = charts(current=period, currencies=frozenset({"USD", "EUR", "JPY", "SEK"}))["revenue"]
    assert list(series(chart)) == ["EUR", "JPY", "SEK", "USD"]
    assert len({one["colour"] for one in chart.payload["series"]} - {GREY}) == 4
    assert chart.title == "Revenue in 4 of 6 currencies"
    assert chart.header == list(codes)
    assert chart.rows[0][1:] == ["0.00", "1.00", "2.00", "3.00", "4.00", "5.00"]


def test_without_revenue_there_is_no_chart_of_it() -> None:
    nothing = Period(Counts(), [Counts() for _ in range(24)])
    assert list(charts(current=nothing, drawn={})) == ["events", "people"]


def test_the_period_before_is_drawn_and_listed() -> None:
    made = charts(compare="previous")
    assert made["events"].payload["previousTotal"][:2] == [5, 4]
    assert made["events"].header[-1] == "All, previous period"
    assert made["people"].payload["series"][0]["previous"][:2] == [2, 1]


def test_a_note_stands_at_the_step_that_its_time_lies_in() -> None:
    (note,) = charts()["people"].payload["annotations"]
    assert (note["step"], note["text"]) == (1, "launch")


def test_the_table_has_the_numbers_of_the_chart_and_the_starts_of_its_steps() -> None:
    lines = [Series("a", 1, list(range(24)), list(range(24, 48)))]
    table = time_table("t", "T", filters("yes"), lines)
    chart = make_chart("t", "T", time_axis(filters("yes"), CONTEXT), lines)
    assert table.columns == ("time", *chart.header)
    assert table.rows[1] == (datetime(2026, 11, 23, 1, tzinfo=UTC), 1, 25)
    assert [[str(cell) for cell in row[1:]] for row in table.rows] == [row[1:] for row in chart.rows]


def test_steps_may_be_something_else_than_times() -> None:
    chart = make_chart("t", "T", category_axis("Country", ["DE", "FR"]), [Series("a", 1, [3, 4])], kind="bar")
    assert (chart.corner, chart.rows) == ("Country", [["DE", "3"], ["FR", "4"]])
    assert chart.payload["axisTitle"] == "Country"


def test_a_type_has_the_same_colour_in_any_company() -> None:
    assert (
        type_colours(["REVENUE", "START_SESSION", "page_view"])["page_view"] == type_colours(["page_view"])["page_view"]
    )
    assert type_colours(["x", "REVENUE"])["REVENUE"] == type_colours(["REVENUE", "END_SESSION"])["REVENUE"]


def test_no_two_types_have_the_same_colour() -> None:
    names = [f"type {number}" for number in range(6)]
    assert len(set(type_colours(names).values()) - {GREY}) == 6
    assert type_colours(names) == type_colours(reversed(names))


def test_a_currency_has_a_colour_and_its_absence_is_grey() -> None:
    colours = currency_colours(["EUR", "USD", None])
    assert colours == {"EUR": colours["EUR"], "USD": colours["USD"], None: GREY}
    assert currency_colours(["EUR"])["EUR"] == colours["EUR"] != colours["USD"]


def test_no_two_currencies_have_the_same_colour() -> None:
    codes = ["EUR", "USD", "CHF", "SEK", "NOK", "PLN"]
    assert len(set(currency_colours(codes).values()) - {GREY}) == 6


def test_the_first_colours_are_seen_on_white() -> None:
    yellow = 7
    names = [f"type {number}" for number in range(100)]
    assert yellow not in {type_colours([name])[name] for name in names}
    assert yellow not in type_colours([*names[:4], "START_SESSION", "END_SESSION"]).values()
    assert yellow not in {currency_colours([code])[code] for code in ("CHF", "SEK", "NOK", "DKK")}
