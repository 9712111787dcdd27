"""Conditions on a column or a JSON property, `COLUMN:OP:VALUE`: read from the query, and said in SQL. Pure.

The same grammar and the same SQL for the filters of a page and for the steps of a funnel.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from brokerlytics.csv_format import COLUMNS
from dashboard_app.question.errors import FilterError

JSON_COLUMNS: Final = ("properties", "context")
TIMES: Final = ("created_on", "original_created_on", "received_on")
NUMBERS: Final = ("revenue", "_partition", "_offset")
PLAIN_COLUMNS: Final = tuple(name for name in COLUMNS if name not in JSON_COLUMNS)
MAX_CONDITIONS: Final = 20
# Columns that the CSV has not, but every row gives.
_HOST: Final = "split_part(split_part(lower(referrer), '://', 2), '/', 1)"
DERIVED_COLUMNS: Final = {"referrer_host": f"nullif(regexp_replace({_HOST}, '^www[.]', ''), '')"}
_COLON: Final = "\\:"
# What a DECIMAL of DuckDB holds in any case.
_LARGEST: Final = Decimal("1e17")
_LONGEST_NUMBER: Final = 36


class Operator(StrEnum):
    """How a value is held against a column."""

    IS = "is"
    NOT = "not"
    CONTAINS = "contains"
    LACKS = "lacks"
    GT = "gt"
    LT = "lt"
    SET = "set"
    UNSET = "unset"


# Operators that compare with no value.
VALUELESS: Final = (Operator.SET, Operator.UNSET)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `column` is a column of the CSV or `properties.a.b`; `value` is empty where none is needed."""

    column: str
    operator: Operator
    value: str = ""

    def __str__(self) -> str:
        """As it stands in the query."""
        return condition_text(self.column, self.operator, self.value)


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the rows of `events` in SQL; `parameters` are those that `sql` names and no others."""

    sql: str
    parameters: dict[str, Any]

    def __and__(self, other: "Where") -> "Where":
        """Both; their parameters have to have different names."""
        return Where(f"{self.sql} AND {other.sql}", {**self.parameters, **other.parameters})


def condition_text(column: str, operator: str, value: str) -> str:
    """`COLUMN:OP:VALUE`; a colon in the column has a backslash before it."""
    return f"{column.replace(':', _COLON)}:{operator}:{value}"


def parse_condition(text: str, parameter: str = "filter") -> Condition:
    """Read `COLUMN:OP:VALUE`, percent-decoded; the first two colons without a backslash divide.

    Raises FilterError on `parameter`.
    """
    column, *rest = re.split(r"(?<!\\):", text, maxsplit=1)
    column = column.replace(_COLON, ":")
    name, _, value = rest[0].partition(":") if rest else ("", "", "")
    check_column(column, parameter)
    if name not in list(Operator):
        message = f"“{text}” has no operator that is known. Write COLUMN:OP:VALUE with OP one of {', '.join(Operator)}."
        raise FilterError(message, parameter)
    operator = Operator(name)
    if operator in VALUELESS:
        return Condition(column, operator)
    if not value:
        raise FilterError(f"“{text}” has no value. Write {column}:{operator}:VALUE, or use set or unset.", parameter)
    condition = Condition(column, operator, value)
    if operator in (Operator.GT, Operator.LT) or column in (*TIMES, *NUMBERS):
        _typed_value(condition, parameter)
    return condition


def check_column(column: str, parameter: str) -> None:
    """Raises FilterError on `parameter` unless `column` is a column of the CSV or a property of a JSON column."""
    root, _, path = column.partition(".")
    is_property = root in JSON_COLUMNS and path.isprintable() and "" not in _keys(path)
    if column in PLAIN_COLUMNS or column in DERIVED_COLUMNS or is_property:
        return
    names = ", ".join((*PLAIN_COLUMNS, *DERIVED_COLUMNS))
    message = f"“{column}” is no column. Take one of {names}, properties.NAME or context.NAME."
    raise FilterError(message, parameter)


def column_sql(column: str) -> str:
    """A column or JSON property (checked by `check_column`) as SQL; a property is text, NULL where it is missing."""
    root, _, path = column.partition(".")
    if not path:
        return DERIVED_COLUMNS.get(column, column)
    pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in _keys(path))
    return f"json_extract_string({root}, '{pointer.replace(chr(39), chr(39) * 2)}')"


def number_sql(column: str) -> str:
    """The same as a DECIMAL, whose sums are exact in any order; NULL where it is no number or has more than 18 digits.

    So the sum of 10^11 of them is still a DECIMAL.
    """
    return column if column in NUMBERS else f"TRY_CAST({column_sql(column)} AS DECIMAL(27, 9))"


def where_all(conditions: Sequence[Condition], prefix: str = "filter") -> Where:
    """Every condition holds; those that say what one column `is` are alternatives. `prefix` begins the parameters."""
    alternatives: dict[tuple[str, object], list[tuple[int, Condition]]] = {}
    for number, condition in enumerate(conditions):
        key = "is" if condition.operator is Operator.IS else number
        alternatives.setdefault((condition.column, key), []).append((number, condition))
    parts = [_any(group, prefix) for group in alternatives.values()]
    return _join("AND", parts) if parts else Where("TRUE", {})


def _any(group: Iterable[tuple[int, Condition]], prefix: str) -> Where:
    return _join("OR", [_one(condition, f"{prefix}_{number}") for number, condition in group])


def _join(word: str, parts: Sequence[Where]) -> Where:
    if len(parts) == 1:
        return parts[0]
    parameters = {name: value for part in parts for name, value in part.parameters.items()}
    return Where("(" + f" {word} ".join(part.sql for part in parts) + ")", parameters)


def _one(condition: Condition, name: str) -> Where:
    column, value = column_sql(condition.column), f"${name}"
    match condition.operator:
        case Operator.SET:
            return Where(f"{column} IS NOT NULL", {})
        case Operator.UNSET:
            return Where(f"{column} IS NULL", {})
        case Operator.CONTAINS:
            sql = f"coalesce(contains(lower({column}::VARCHAR), lower({value})), FALSE)"
            return Where(sql, {name: condition.value})
        case Operator.LACKS:
            sql = f"NOT coalesce(contains(lower({column}::VARCHAR), lower({value})), FALSE)"
            return Where(sql, {name: condition.value})
        case Operator.GT | Operator.LT:
            sign = ">" if condition.operator is Operator.GT else "<"
            compared = column if condition.column in TIMES else number_sql(condition.column)
            return Where(f"coalesce({compared} {sign} {value}, FALSE)", {name: _typed_value(condition, "filter")})
        case Operator.IS | Operator.NOT:
            sign = "=" if condition.operator is Operator.IS else "IS DISTINCT FROM"
            typed = _typed_value(condition, "filter") if condition.column in (*TIMES, *NUMBERS) else condition.value
            return Where(f"{column} {sign} {value}", {name: typed})


def _typed_value(condition: Condition, parameter: str) -> datetime | Decimal:
    text = condition.value
    if condition.column in TIMES:
        try:
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            message = f"“{text}” is no time. {condition.column} takes one in UTC, such as 2026-08-22T09:30:00."
            raise FilterError(message, parameter) from None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > _LARGEST or len(text) > _LONGEST_NUMBER:
        raise FilterError(f"“{text}” is no number; {condition.operator} needs one for {condition.column}.", parameter)
    return number


def _keys(path: str) -> list[str]:
    """The keys of `a.b`; a dot that belongs to a key has a backslash before it."""
    return [key.replace("\\.", ".") for key in re.split(r"(?<!\\)\.", path)]
