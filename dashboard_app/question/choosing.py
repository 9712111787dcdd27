"""Parameters of a query that several reports read. Pure."""

from typing import Final

from dashboard_app.question.conditions import check_column
from dashboard_app.question.errors import FilterError
from dashboard_app.report import Parameter, Query

_LONGEST: Final = 9
BY: Final = Parameter("by", "The column that is broken down: one of the CSV, `properties.NAME` or `context.NAME`.")


def parse_column(query: Query, default: str) -> str:
    """The column of `by`. Raises FilterError."""
    column = (query.get("by") or default).strip()
    check_column(column, "by")
    return column


def parse_count(query: Query, parameter: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`. Raises FilterError."""
    text = query.get(parameter) or str(default)
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST and 1 <= int(text) <= most:
        return int(text)
    raise FilterError(f"“{text}” is not a whole number from 1 to {most}.", parameter)


def parse_choice(query: Query, parameter: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, the first without any. Raises FilterError."""
    choice = query.get(parameter) or choices[0]
    if choice not in choices:
        raise FilterError(f"“{choice}” is not known. Choose one of {', '.join(choices)}.", parameter)
    return choice
