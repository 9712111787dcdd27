"""Following rows: the compiled library does what the rule in plain Python does, whatever comes together when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokerlytics.native.attempts import Counted, NativeAttempts, Rules
from brokerlytics.native.division import Batch, DividedRows, Stored, choose_rows, divide_rows
from brokerlytics.native.library import Library
from dashboard_app.measures.attempt_rules import PlainAttempts
from dashboard_app.measures.following import Asked, divide

PEOPLE = 3


class Row(NamedTuple):
    at: int
    person: int
    steps: int
    partition: int
    offset: int


def batch(rows: Sequence[Row]) -> Batch:
    types = (np.int64, np.int32, np.uint8, np.int32, np.int64)
    return Batch(*(np.array(column, type_) for column, type_ in zip(zip(*rows, strict=True), types, strict=True)))


def divided(native: Library, batches: Sequence[Batch], parts: int, *, in_order: Sequence[bool] = ()) -> DividedRows:
    known = [*in_order, *[False] * (len(batches) - len(in_order))]
    some = [divide_rows(native, one, parts, in_order=order) for one, order in zip(batches, known, strict=True)]
    return DividedRows(native, some)


def rows_of(batch: Batch) -> list[Row]:
    return [Row(*row) for row in zip(*(column.tolist() for column in batch if column is not None), strict=True)]


def plain(counted: Sequence[Counted]) -> list[tuple[object, ...]]:
    """By person; of times beyond the level there are none."""
    found = []
    for part in counted:
        columns = [part.person, part.level, part.at]
        columns += [column for column in (part.partition, part.offset) if column is not None]
        found += list(zip(*(column.tolist() for column in columns), strict=True))
    return sorted(found)


@st.composite
def drawn_rounds(draw: st.DrawFn) -> list[list[Batch]]:
    """Batches of rows in any order; each round is later than the one before. Places are unique."""
    times = st.integers(0, draw(st.sampled_from([5, 50, 300])))
    # Most match one of the first steps, so that attempts go on without a start in between.
    steps = st.sampled_from([1, 2, 2, 4, 4, 8]) | st.integers(1, 255)
    row = st.tuples(times, st.integers(0, PEOPLE - 1), st.integers(0, 2), steps)
    rows = draw(st.lists(row, min_size=draw(st.sampled_from([0, 30, 50])), max_size=60))
    offsets = draw(st.permutations(range(len(rows))))
    placed = [Row(at, who, mask, part, offset) for (at, who, part, mask), offset in zip(rows, offsets, strict=True)]
    if draw(st.booleans()):
        placed.sort(key=lambda row: row.at)
    edges = [-1, *sorted(draw(st.sets(st.integers(0, 300), max_size=2))), 300]
    size = draw(st.integers(1, 20))
    rounds = []
    for after, until in pairwise(edges):
        some = [row for row in placed if after < row.at <= until]
        rounds.append([batch(some[first : first + size]) for first in range(0, len(some), size)])
    return rounds


@settings(max_examples=300, deadline=None)
@given(
    drawn_rounds(),
    st.builds(
        Rules,
        st.sampled_from([2, 3, 3, 4, 8]),
        st.sampled_from([0, 2, 50, 300]),
        st.sampled_from([3, 200, 301]),
        st.booleans(),
    ),
    st.integers(0, 2),
)
def test_the_library_counts_as_the_rule_does(
    native: Library, rounds: list[list[Batch]], rules: Rules, parts: int
) -> None:
    rule = PlainAttempts(rules)
    followers = [NativeAttempts(native, rules, PEOPLE, part, parts) for part in range(1 << parts)]
    for batches in rounds:
        rule.follow(batches)
        rows = divided(native, batches, parts)
        for follower in followers:
            follower.follow(rows)
    assert plain([follower.counted() for follower in followers]) == plain([rule.counted()])


@settings(max_examples=300, deadline=None)
@given(drawn_rounds(), st.sampled_from([2, 3, 8]), st.integers(0, 2), st.lists(st.booleans(), max_size=5))
def test_places_are_needed_at_tied_moments_only(
    native: Library, rounds: list[list[Batch]], steps: int, parts: int, in_order: list[bool]
) -> None:
    rules = Rules(steps, 50, 301, keeps_places=False)
    rule = PlainAttempts(rules)
    followers = [NativeAttempts(native, rules, PEOPLE, part, parts) for part in range(1 << parts)]
    for batches in rounds:
        rule.follow(batches)
        ordered = [
            batch(sorted(rows_of(some), key=lambda row: (row.at, row.partition, row.offset))) if order else some
            for some, order in zip(batches, [*in_order, *[False] * len(batches)], strict=False)
        ]
        given = [Batch(*columns[:3]) for columns in ordered]
        rows = divided(native, given, parts, in_order=in_order[: len(batches)])
        tied = {moment for part in range(1 << parts) for moment in rows.tied_moments(part).tolist()}
        placed = [row for some in batches for row in rows_of(some) if row.at in tied]
        if placed:
            rows = divided(native, [*given, batch(placed)], parts, in_order=in_order[: len(batches)])
        for follower in followers:
            follower.follow(rows)
    assert plain([follower.counted() for follower in followers]) == plain([rule.counted()])


def test_moments_are_tied_when_one_person_matches_different_steps(native: Library) -> None:
    rows = [(1, 0, 1), (2, 0, 1), (2, 1, 2), (3, 0, 2), (3, 0, 2), (4, 1, 2), (4, 2, 1), (5, 0, 1)]
    batches = [batch([Row(*row, 0, 0) for row in some]) for some in (rows, [(4, 1, 1), (5, 0, 2)])]
    assert divided(native, batches, 0).tied_moments(0).tolist() == [4, 5]
    assert divided(native, batches, 1).tied_moments(0).tolist() == [5]
    assert divided(native, batches, 1).tied_moments(1).tolist() == [4]
    assert divided(native, [], 0).tied_moments(0).tolist() == []


@pytest.mark.parametrize(
    ("batches", "in_order", "tied"),
    [
        ([[(1, 0, 1), (1, 0, 2)]], [False], [1]),
        ([[(1, 0, 1), (1, 0, 2)]], [True], []),
        ([[(1, 0, 1), (1, 0, 2)], [(2, 0, 1)]], [True, True], []),
        ([[(1, 0, 1), (1, 0, 2)], [(1, 1, 1), (1, 2, 2)]], [True, True], []),
        ([[(1, 0, 1), (1, 0, 1)], [(1, 0, 1)]], [True, True], []),
        ([[(1, 0, 1)], [(1, 0, 2)]], [True, True], [1]),
        # Those of one batch are in order, but where between them the other is, nobody knows.
        ([[(1, 0, 1)], [(1, 0, 1), (1, 0, 2)]], [True, True], [1]),
        ([[(1, 0, 1), (1, 0, 2)], [(1, 0, 2)]], [True, True], [1]),
    ],
)
def test_moments_are_not_tied_where_a_batch_has_the_order(
    native: Library, batches: list[list[tuple[int, int, int]]], in_order: list[bool], tied: list[int]
) -> None:
    rows = [batch([Row(*row, 0, 0) for row in some]) for some in batches]
    assert divided(native, rows, 0, in_order=in_order).tied_moments(0).tolist() == tied


def test_rows_of_sequences_are_those_of_the_stretch_that_match_a_step(native: Library) -> None:
    hour = 3_600_000_000
    times, whos = np.array([5, 7, 7, 0, hour - 1], np.uint32), np.array([3, 1, 2, 1, 1], np.int32)
    hours, ends = np.array([-1, 2], np.int64), np.array([3, 5], np.int64)
    steps, persons = np.array([0, 1, 6], np.uint8), np.array([0, 9, 8, 7], np.int32)
    expected = [(-hour + 5, 7, 1), (-hour + 7, 9, 6), (2 * hour, 9, 6), (3 * hour - 1, 9, 1)]
    for type_ in (np.uint8, np.uint16, np.uint32):
        stored = Stored(times, whos, np.array([1, 2, 0, 2, 1], type_), hours, ends)

        def chosen(since: int, until: int, stored: Stored = stored) -> list[tuple[int, ...]]:
            found = choose_rows(native, stored, steps, persons, since=since, until=until)
            return list(zip(*(column.tolist() for column in found if column is not None), strict=True))

        assert chosen(-hour, 3 * hour) == expected
        assert chosen(-hour + 7, 3 * hour - 1) == expected[1:-1]
        assert chosen(-hour + 8, 2 * hour) == []
        with pytest.raises(ValueError, match="nobody"):
            choose_rows(native, stored, steps, persons[:3], since=0, until=0)


@given(drawn_rounds(), st.integers(0, 3))
def test_rows_are_divided_by_parts_and_stay_in_order(native: Library, rounds: list[list[Batch]], parts: int) -> None:
    for some in (some for batches in rounds for some in batches):
        found, bounds, _ = divide_rows(native, some, parts, in_order=False)
        by_part = [rows_of(found)[low:high] for low, high in pairwise(bounds.tolist())]
        assert by_part == [
            [row for row in rows_of(some) if row.person % (1 << parts) == part] for part in range(1 << parts)
        ]


def test_a_person_beyond_the_limit_is_refused(native: Library) -> None:
    follower = NativeAttempts(native, Rules(2, 1, 1, keeps_places=False), 8, 0, 0)
    with pytest.raises(ValueError, match="limit"):
        follower.follow(divided(native, [batch([Row(0, 9, 1, 0, 0)])], 0))
    with pytest.raises(ValueError, match="limit"):
        follower.follow(divided(native, [batch([Row(0, -1, 1, 0, 0)])], 0))


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 100)), max_size=30, unique_by=lambda one: one[0]),
    st.integers(1, 500),
    st.sampled_from([1, 2, 4]),
)
def test_stretches_are_all_of_the_time_and_no_larger_than_they_may_be(
    hours: list[tuple[int, int]], most: int, side_by_side: int
) -> None:
    zero = datetime(2026, 8, 1)  # noqa: DTZ001 (as DuckDB's TIMESTAMP)
    moments = [(zero + timedelta(hours=hour), rows) for hour, rows in sorted(hours)]
    ends = zero + timedelta(hours=10.5), zero + timedelta(hours=300)
    stretches = divide(Asked("", {}, ends, moments, 1), most, side_by_side)
    assert [edge for edge, _ in stretches] + [ends[1]] == [ends[0]] + [edge for _, edge in stretches]
    assert all(since < until for since, until in stretches)
    largest = max((rows for _, rows in hours), default=0)
    for since, until in stretches:
        assert sum(rows for hour, rows in moments if since <= hour < until) < most + largest + 1
