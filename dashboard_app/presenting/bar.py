"""The bar of filters as the template writes it. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from dashboard_app.presenting.links import replaced, with_query
from dashboard_app.question.conditions import (
    DERIVED_COLUMNS,
    JSON_COLUMNS,
    PLAIN_COLUMNS,
    VALUELESS,
    Condition,
    Operator,
    condition_text,
)
from dashboard_app.question.filters import AUTO, CUSTOM, INTERVALS, RANGES, Filters
from dashboard_app.report import AnyReport, Query

OPERATORS: Final = {
    Operator.IS: "is",
    Operator.NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.LACKS: "does not contain",
    Operator.GT: "is more than",
    Operator.LT: "is less than",
    Operator.SET: "is set",
    Operator.UNSET: "is not set",
}
COLUMN_CHOICES: Final = (*PLAIN_COLUMNS, *DERIVED_COLUMNS)
# The fields by which a filter is added; they never stay in the address.
ADD_COLUMN, ADD_OPERATOR, ADD_VALUE = "add_column", "add_op", "add_value"


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter of the page; `value` is what the query has, `url` the page without it."""

    column: str
    operator: str
    text: str
    value: str
    url: str


def make_bar(report: AnyReport, filters: Filters, query: Query, path: str, sources: tuple[str, ...]) -> dict[str, Any]:
    """The state of the bar's form; the fields of a custom range begin with the range that is shown."""
    names = sorted({*sources, *([filters.source] if filters.source else [])})
    return {
        "action": path,
        "ranges": RANGES,
        "intervals": [(name, f"{name} ({filters.interval})" if name == AUTO else name) for name in INTERVALS],
        "range": filters.name,
        "interval": filters.choice,
        "compare": filters.compare,
        "start": f"{filters.range.start.astimezone(filters.tz):%Y-%m-%dT%H:%M}",
        "end": f"{filters.range.end.astimezone(filters.tz):%Y-%m-%dT%H:%M}",
        "source": filters.source,
        "sources": names,
        "shows_intervals": report.intervals,
        "shows_compare": report.compares,
        "chips": [_chip(condition, query, path) for condition in filters.conditions],
        "columns": [*COLUMN_CHOICES, *(f"{name}." for name in JSON_COLUMNS)],
        "operators": OPERATORS,
    }


def added_filter(query: Query) -> Query | None:
    """The query with the filter of the bar's fields in it, as any link has it; None when the fields are not there."""
    if ADD_COLUMN not in query:
        return None
    column, operator = query.get(ADD_COLUMN, "").strip(), query.get(ADD_OPERATOR) or Operator.IS
    value = "" if operator in list(VALUELESS) else query.get(ADD_VALUE, "")
    filters = [*query.getlist("filter"), *([condition_text(column, operator, value)] if column else [])]
    # The form sends the fields of the custom range always.
    edges = () if query.get("range", CUSTOM) == CUSTOM else ("from", "to")
    return replaced(query, filter=filters, **{name: [] for name in (ADD_COLUMN, ADD_OPERATOR, ADD_VALUE, *edges)})


def _chip(condition: Condition, query: Query, path: str) -> Chip:
    others = [text for text in query.getlist("filter") if text.rstrip(":") != str(condition).rstrip(":")]
    url = with_query(path, replaced(query, filter=others))
    return Chip(condition.column, OPERATORS[condition.operator], condition.value, str(condition), url)
