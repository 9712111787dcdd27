"""A report's tables as a document (API, JSON) and as CSV. Pure."""

import csv
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any, Final

from dashboard_app.asking import Question
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import DateRange
from dashboard_app.reader import Answer
from dashboard_app.report import Table, Value

BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
# A spreadsheet takes a text that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def make_document(question: Question, answer: Answer) -> dict[str, Any]:
    """What the API answers; only values that JSON has. Raises FilterError on an unknown `table`."""
    filters = question.filters
    return {
        "report": question.report.name,
        "timezone": str(filters.tz),
        "range": _range(filters.range, question),
        "previous": filters.before and _range(filters.before, question) if question.report.compares else None,
        "interval": str(filters.interval),
        "source": filters.source or None,
        "filters": [str(condition) for condition in filters.conditions],
        "data_as_of": plain(answer.committed_at),
        "tables": [
            {
                "name": table.name,
                "title": table.title,
                "columns": list(table.columns),
                "rows": [[plain(value) for value in row] for row in table.rows],
            }
            for table in chosen_tables(question, answer)
        ],
    }


def chosen_tables(question: Question, answer: Answer) -> list[Table]:
    """The tables that the query's `table` names, all without one. Raises FilterError."""
    tables = question.tables(answer)
    name = question.context.query.get("table")
    if not name:
        return tables
    chosen = [table for table in tables if table.name == name]
    if not chosen:
        names = ", ".join(table.name for table in tables)
        raise FilterError(f"The table “{name}” is not in this report. Choose one of {names}.", "table")
    return chosen


def plain(value: Value) -> str | int | float | bool | None:
    """A value as JSON has it: times in ISO 8601, decimals as text so that no digit is lost."""
    if isinstance(value, Decimal):
        whole, _, places = f"{value:f}".partition(".")
        return f"{whole}.{places}".rstrip("0").rstrip(".") if places else whole
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def make_csv(table: Table, *, bom: bool) -> str:
    """RFC 4180 with a header; `bom` is the mark by which Excel knows UTF-8. No text is a formula to a spreadsheet."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(_cells(table.columns))
    writer.writerows(_cells(row) for row in table.rows)
    return (BOM if bom else "") + text.getvalue()


def _cells(values: Sequence[Value]) -> list[str]:
    return [_escaped(value) if isinstance(value, str) else _text(plain(value)) for value in values]


def _escaped(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(value: str | int | float | bool | None) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _range(date_range: DateRange, question: Question) -> dict[str, str]:
    tz = question.context.tz
    return {
        "start": date_range.start.astimezone(tz).isoformat(),
        "end": date_range.end.astimezone(tz).isoformat(),
    }
