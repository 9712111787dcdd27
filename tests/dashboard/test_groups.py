"""Counting rows by groups: in C, in numpy and on several cores as sets in plain Python do."""

from itertools import groupby
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.native.groups import (
    EVERY_GROUP,
    MOST_GROUPS,
    Coded,
    GroupMembers,
    Groups,
    Masks,
    Numbered,
    count_rows,
)
from brokerlytics.native.library import Library
from dashboard_app.sequence import different
from dashboard_app.sequence.different import Part, count_all_different

NUMBERS = 6


class Row(NamedTuple):
    kind: int
    value: int
    number: int


class Tables(NamedTuple):
    """The groups of kinds and values, None where a kind has none; and what each number counts as, and whether."""

    kinds: list[int | None]
    values: list[int]
    persons: list[int]
    does_count: list[bool]

    @property
    def counts_for(self) -> Masks:
        return np.where(self.does_count, EVERY_GROUP, 0).astype(np.uint16)


ROWS = st.lists(st.builds(Row, st.integers(0, 2), st.integers(0, 3), st.integers(0, NUMBERS - 1)), max_size=600)
TABLES = st.builds(
    Tables,
    st.lists(st.sampled_from([None, 0, 1, MOST_GROUPS - 1]), min_size=3, max_size=3),
    st.lists(st.integers(0, MOST_GROUPS - 1), min_size=4, max_size=4),
    st.lists(st.integers(0, NUMBERS - 1), min_size=NUMBERS, max_size=NUMBERS),
    st.lists(st.booleans(), min_size=NUMBERS, max_size=NUMBERS),
)
WIDTHS = st.sampled_from([np.uint8, np.uint16, np.uint32])


def masks(groups: list[int]) -> Masks:
    return (1 << np.array(groups)).astype(np.uint16)


def numbered(rows: list[Row], tables: Tables, width: type, *, by_value: bool, as_persons: bool) -> Numbered:
    kinds, values, numbers = np.array(rows, np.int64).reshape(-1, 3).T
    persons = np.array(tables.persons, np.int32) if as_persons else None
    if by_value:
        asked = np.array([0 if group is None else EVERY_GROUP for group in tables.kinds], np.uint16)
        groups = Groups(asked, masks(tables.values), persons)
    else:
        of_kinds = [np.uint16(0 if group is None else 1 << group) for group in tables.kinds]
        groups = Groups(np.array(of_kinds, np.uint16), None, persons)
    coded = Coded(kinds.astype(width), values.astype(width) if by_value else None)
    return Numbered(coded, numbers.astype(np.int32), groups)


def plainly(rows: list[Row], tables: Tables, *, by_value: bool, as_persons: bool) -> tuple[list[set[int]], int]:
    """The numbers of each group, and a mask of the groups that have any row."""
    found: list[set[int]] = [set() for _ in range(MOST_GROUPS)]
    present = 0
    for row in rows:
        group = tables.kinds[row.kind]
        if group is None:
            continue
        group = tables.values[row.value] if by_value else group
        present |= 1 << group
        number = tables.persons[row.number] if as_persons else row.number
        if tables.does_count[number]:
            found[group].add(number)
    return found, present


@settings(max_examples=150, deadline=None)
@given(
    buckets=st.lists(ROWS, max_size=4),
    tables=TABLES,
    width=WIDTHS,
    by_value=st.booleans(),
    as_persons=st.booleans(),
    cores=st.integers(1, 3),
    is_native=st.booleans(),
    size=st.sampled_from([1, 7, 300]),
)
def test_numbers_are_counted_once_in_each_bucket_and_in_all(
    native: Library,
    *,
    buckets: list[list[Row]],
    tables: Tables,
    width: type,
    by_value: bool,
    as_persons: bool,
    cores: int,
    is_native: bool,
    size: int,
) -> None:
    how = {"by_value": by_value, "as_persons": as_persons}
    parts = []
    for bucket, rows in enumerate(buckets):
        for first in range(0, len(rows), size):
            some = numbered(rows[first : first + size], tables, width, **how)
            parts.append(Part(bucket, len(some.numbers), lambda some=some: some))  # type: ignore[misc]
    with patch.multiple(different, CORES=cores, _ROWS_OF_A_CORE=1, library=lambda: native if is_native else None):
        found = count_all_different(parts, len(buckets), tables.counts_for)
    of_buckets = [plainly(rows, tables, **how)[0] for rows in buckets]
    of_all, present = plainly([row for rows in buckets for row in rows], tables, **how)
    assert found.buckets.tolist() == [[len(some) for some in groups] for groups in of_buckets]
    assert found.total.tolist() == [len(some) for some in of_all]
    assert found.present == present


@settings(max_examples=50, deadline=None)
@given(
    rows=ROWS,
    asked=st.lists(st.booleans(), min_size=3, max_size=3),
    width=WIDTHS,
    by_value=st.booleans(),
    is_native=st.booleans(),
)
def test_rows_are_counted_by_value_or_by_kind(
    native: Library, *, rows: list[Row], asked: list[bool], width: type, by_value: bool, is_native: bool
) -> None:
    kinds, values, _ = np.array(rows, np.int64).reshape(-1, 3).T
    counts = np.ones(4, np.uint64)
    coded = Coded(kinds.astype(width), values.astype(width) if by_value else None)
    count_rows(native if is_native else None, coded, np.array(asked), counts)
    chosen = sorted(row.value if by_value else row.kind for row in rows if asked[row.kind])
    expected = {value: len(list(some)) for value, some in groupby(chosen)}
    assert counts.tolist() == [1 + expected.get(value, 0) for value in range(4)]


@pytest.mark.parametrize("number", [NUMBERS, -1])
@pytest.mark.parametrize("as_persons", [False, True])
def test_a_number_beyond_all_is_told(native: Library, number: int, *, as_persons: bool) -> None:
    tables = Tables([0, 0, 0], [0] * 4, [*range(NUMBERS - 1), number] if as_persons else [], [True] * NUMBERS)
    rows = numbered(
        [Row(0, 0, NUMBERS - 1 if as_persons else number)], tables, np.uint8, by_value=True, as_persons=as_persons
    )
    with pytest.raises(ValueError, match="beyond"):
        GroupMembers(native, tables.counts_for).count(rows, 1, np.zeros(MOST_GROUPS + 1, np.uint64))
