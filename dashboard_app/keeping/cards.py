"""One saved report as it stands on a dashboard or behind a share link: charts and tables, without links."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import QueryDict
from django.template.loader import render_to_string

from dashboard_app.asking import STORE_ERRORS, ask, make_question
from dashboard_app.models import SQL, SavedReport
from dashboard_app.presenting.charts import Chart
from dashboard_app.presenting.formats import exact, minute
from dashboard_app.presenting.values import Card, Moment, make_moment
from dashboard_app.question.errors import FilterError
from dashboard_app.reader import TooSlowError
from dashboard_app.registry import report_named
from dashboard_app.report import Context, Table, Value
from dashboard_app.sql.presenting import TABLE, cell_text, result_chart, result_table
from dashboard_app.sql.recent import recent_results
from dashboard_app.sql.runner import SqlError

logger = logging.getLogger(__name__)

_ROWS: Final = 10
_HEADLINE: Final = "headline"
# What is drawn of a report beside its charts: the template, what it writes, of which the first has to be there, and the
# tables that it shows.
_PICTURES: Final = {
    "funnel": ("dashboard_app/_funnel_table.html", ("steps", "may_still_convert", "window"), ("steps",)),
    "retention": ("dashboard_app/_retention_heat.html", ("columns", "unit", "cohorts"), ("retention", "shares")),
    "revenue": ("dashboard_app/_lifetime_heat.html", ("cohorts", "ages", "period"), ("cohorts",)),
}


@dataclass(frozen=True, slots=True)
class CardTable:
    """A table as text. `numeric` says which columns are numbers; `left_out` how many rows are not shown."""

    title: str
    columns: tuple[tuple[str, bool], ...]
    rows: list[list[tuple[str, bool]]]
    left_out: int


@dataclass(frozen=True, slots=True)
class CardPicture:
    """Heat map or funnel, as HTML that the report's own template wrote. `tables` are the names of those it shows."""

    title: str
    html: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportCard:
    """A saved report's name and numbers, or the `problem` that kept them away. `about` says what they are of."""

    name: str
    about: str = ""
    figures: list[Card] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    picture: CardPicture | None = None
    tables: list[CardTable] = field(default_factory=list)
    as_of: Moment | None = None
    problem: str = ""


def make_card(saved: SavedReport, now: datetime, *, runs_sql: bool, public: bool) -> ReportCard:
    """The numbers of `saved` at `now`. A query is run only where `runs_sql`.

    What everybody may see (`public`) has no annotations, which are the team's, and no words of a failed query, which
    may quote rows.
    """
    query = QueryDict(saved.query)
    try:
        if saved.report == SQL:
            return _sql_card(saved, query, now, runs_sql=runs_sql)
        return _report_card(saved, query, now, notes=not public)
    except KeyError:
        return ReportCard(saved.name, problem=f"There is no report “{saved.report}” any more.")
    except (FilterError, TooSlowError) as error:
        return ReportCard(saved.name, problem=str(error))
    except SqlError as error:
        return ReportCard(saved.name, problem="The query has no result now." if public else str(error))
    except STORE_ERRORS as error:
        logger.error("The store cannot be read: %s", error)
        return ReportCard(saved.name, problem="The store cannot be read now. Try again later.")


def _report_card(saved: SavedReport, query: QueryDict, now: datetime, *, notes: bool) -> ReportCard:
    report = report_named(saved.report)
    question = make_question(report, query, now, notes=notes)
    answer = ask(question)
    filters, context = question.filters, question.context
    shown = report.present(answer.result, filters, question.options, context)
    charts, figures = list(shown.get("charts", ())), list(shown.get("cards", ()))
    tables = question.tables(answer)
    picture = _picture(saved, shown, tables)
    drawn = {chart.id for chart in charts} | set(picture.tables if picture else ())
    if figures:
        drawn.add(_HEADLINE)
    range_ = f"{minute(filters.range.start, context.tz)} to {minute(filters.range.end, context.tz)}"
    return ReportCard(
        name=saved.name,
        about=f"{report.title}, {shown.get('about', range_)}",
        figures=figures,
        charts=[replace(chart, id=f"card-{saved.pk}-{chart.id}") for chart in charts],
        picture=picture,
        tables=[
            _card_table(_headed(one), lambda value: _text(value, context)) for one in tables if one.name not in drawn
        ],
        as_of=make_moment(answer.committed_at, now, context.tz) if answer.committed_at else None,
    )


def _picture(saved: SavedReport, shown: Mapping[str, Any], tables: list[Table]) -> CardPicture | None:
    template, written, names = _PICTURES.get(saved.report, ("", ("",), ()))
    if not shown.get(written[0]):
        return None
    title = next(table.title for table in tables if table.name in names)
    return CardPicture(
        title, render_to_string(template, {"card": saved} | {name: shown[name] for name in written}), names
    )


def _sql_card(saved: SavedReport, query: QueryDict, now: datetime, *, runs_sql: bool) -> ReportCard:
    if not runs_sql:
        return ReportCard(saved.name, problem="This is a query, which only those see who may run SQL.")
    result = recent_results.get(query.get("sql", ""))
    tz = ZoneInfo(settings.TIME_ZONE)
    chart = result_chart(result, query.get("view", TABLE), f"card-{saved.pk}-result")
    table = replace(result_table(result), title=saved.name)
    return ReportCard(
        name=saved.name,
        about="SQL",
        charts=[replace(chart, title=saved.name)] if chart else [],
        tables=[] if chart else [_card_table(table, lambda value: cell_text(value) or "")],
        as_of=make_moment(result.committed_at, now, tz) if result.committed_at else None,
    )


def _card_table(table: Table, text: Callable[[Value], str]) -> CardTable:
    rows = table.rows[:_ROWS]
    numeric = [any(_is_number(row[index]) for row in rows) for index in range(len(table.columns))]
    return CardTable(
        title=table.title,
        columns=tuple(zip(table.columns, numeric, strict=True)),
        rows=[[(text(value), is_number) for value, is_number in zip(row, numeric, strict=True)] for row in rows],
        left_out=len(table.rows) - len(rows),
    )


def _headed(table: Table) -> Table:
    """With headings for people, and without the columns that no row has a value for; a query's are its own."""
    places = [
        place
        for place in range(len(table.columns))
        if not table.rows or any(row[place] is not None for row in table.rows)
    ]
    names = tuple(table.columns[place].replace("_", " ").strip().capitalize() for place in places)
    return replace(table, columns=names, rows=[tuple(row[place] for place in places) for row in table.rows])


def _text(value: Value, context: Context) -> str:
    if isinstance(value, datetime):
        return minute(value, context.tz)
    if isinstance(value, bool | date | str):
        return str(value)
    return "" if value is None else exact(value)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
