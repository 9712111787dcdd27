"""A query's result as tables, chart and texts. Pure."""

import json
from decimal import Decimal
from typing import Any, Final

from dashboard_app.export import plain
from dashboard_app.presenting.charts import Chart, Kind, Series, category_axis, make_chart
from dashboard_app.presenting.colours import nth_look
from dashboard_app.report import Table, Value
from dashboard_app.sql.exchange import Column
from dashboard_app.sql.runner import SqlResult

VIEWS: Final = {"table": "Table", "line": "Line chart", "bar": "Bar chart"}
TABLE: Final = "table"
# More of either are no picture any more.
MAX_POINTS: Final = 2000
MAX_SERIES: Final = 8
_KINDS: Final[dict[str, Kind]] = {"line": "line", "bar": "bar"}


def result_table(result: SqlResult) -> Table:
    """The result as plain values; lists and structures are JSON text, decimals are numbers again."""
    rows = [
        tuple(_value(cell, column) for cell, column in zip(row, result.columns, strict=True)) for row in result.rows
    ]
    return Table("result", "Result", tuple(column.name for column in result.columns), rows)


def result_chart(result: SqlResult, view: str, id: str = "result") -> Chart | None:  # noqa: A002 (the element's)
    """The first column as labels, each column of numbers after it as a series; None where nothing can be drawn."""
    columns = [index for index, column in enumerate(result.columns) if index and column.is_number][:MAX_SERIES]
    if view not in _KINDS or not columns or not result.rows:
        return None
    rows = result_table(result).rows[:MAX_POINTS]
    axis = category_axis(result.columns[0].name, [_label(row[0]) for row in rows])
    series = []
    for place, index in enumerate(columns):
        colour, mark = nth_look(place)
        series.append(Series(result.columns[index].name, colour, [_number(row[index]) for row in rows], mark=mark))
    return make_chart(id, "Result", axis, series, kind=_KINDS[view])


def cell_text(value: Value) -> str | None:
    """A value as SQL has it, every digit and no separators: a year is a number too. None for NULL."""
    simple = plain(value)
    return simple if simple is None or isinstance(simple, str) else json.dumps(simple)


def _value(cell: Any, column: Column) -> Value:
    if isinstance(cell, dict | list):
        return json.dumps(cell, ensure_ascii=False)
    if isinstance(cell, str) and column.is_number:
        number = Decimal(cell)
        if column.is_whole:
            return int(number)
        return number if number.is_finite() else cell
    return cell  # type: ignore[no-any-return]  # text, number, boolean or None, as JSON has them


def _label(value: Value) -> str:
    return "(none)" if value is None else str(value)


def _number(value: Value) -> Value:
    """What can be drawn: neither NaN nor an infinity, which are text."""
    return None if isinstance(value, str) else value
