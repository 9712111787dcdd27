import csv
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest

from dashboard_app.export import BOM, make_csv, plain
from dashboard_app.report import Table, Value


def read_back(*values: Value) -> list[str]:
    table = Table("t", "T", tuple(f"c{n}" for n in range(len(values))), [values])
    return list(csv.reader(StringIO(make_csv(table, bom=False))))[1]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert read_back(text) == [f"'{text}"]


def test_numbers_and_other_texts_are_as_they_are() -> None:
    moment = datetime(2026, 11, 23, 9, tzinfo=UTC)
    values = (-1, Decimal("-0.100000"), 1.5, None, True, moment, 'say "a,b"\r\n=1')
    assert read_back(*values) == ["-1", "-0.1", "1.5", "", "true", "2026-11-23T09:00:00+00:00", 'say "a,b"\r\n=1']


def test_a_name_of_a_column_is_no_formula_either() -> None:
    assert make_csv(Table("t", "T", ("=cmd",), []), bom=False) == "'=cmd\r\n"


def test_excel_is_told_the_encoding() -> None:
    assert make_csv(Table("t", "T", ("ä",), []), bom=True) == f"{BOM}ä\r\n"


def test_no_digit_of_an_amount_is_lost() -> None:
    assert plain(Decimal("123456789012345678.123456")) == "123456789012345678.123456"
    assert plain(Decimal("12345678901234567890123456789.123456789")) == "12345678901234567890123456789.123456789"
    assert plain(Decimal("1000.000000")) == "1000"
    assert plain(Decimal("1e3")) == "1000"
