from datetime import timedelta

import pytest

from brokerlytics.checkpoint import ActiveSegment, PoisonCount
from brokerlytics.csv_format import CSV_VERSION
from feeder_app.policies import (
    POISON_WINDOW,
    FeederPolicy,
    close_due,
    commit_due,
    count_bad,
    count_good,
    poison_exceeded,
)
from tests.feeder.support import SECOND, START

POLICY = FeederPolicy(flush_interval=SECOND, flush_bytes=1000, roll_bytes=5000, roll_age=60 * SECOND)


@pytest.mark.parametrize(
    ("waited", "buffered", "due"),
    [
        (timedelta(0), 1, False),
        (0.9 * SECOND, 999, False),
        (SECOND, 1, True),
        (timedelta(0), 1000, True),
        (-3600 * SECOND, 1, True),
    ],
)
def test_a_commit_is_due_by_time_by_bytes_and_when_the_clock_was_set_back(
    waited: timedelta, buffered: int, due: bool
) -> None:
    assert commit_due(POLICY, START + waited, START, buffered) is due


@pytest.mark.parametrize(
    ("committed", "age", "version", "due"),
    [
        (4999, 59 * SECOND, CSV_VERSION, False),
        (5000, timedelta(0), CSV_VERSION, True),
        (1, 60 * SECOND, CSV_VERSION, True),
        (1, timedelta(0), CSV_VERSION - 1, True),
    ],
)
def test_a_segment_is_closed_by_size_age_and_columns(committed: int, age: timedelta, version: int, due: bool) -> None:
    active = ActiveSegment(
        name="a", first_offset=0, committed_bytes=committed, date="2026-08-22", opened_at=START, csv_version=version
    )
    assert close_due(POLICY, START + age, active) is due


def count(*, bad: int, good_after: int = 0, start: PoisonCount | None = None) -> PoisonCount:
    result = start or PoisonCount()
    for _ in range(bad):
        result = count_bad(result)
    for _ in range(good_after):
        result = count_good(result, 1)
    return result


def test_a_run_of_bad_records_is_bounded_and_a_good_one_ends_it() -> None:
    policy = FeederPolicy(poison_run=10, poison_share=None)
    assert not poison_exceeded(policy, count(bad=10))
    assert poison_exceeded(policy, count(bad=11))
    assert not poison_exceeded(policy, count(bad=11, good_after=1))


def test_the_share_of_bad_records_is_bounded_once_there_are_enough() -> None:
    policy = FeederPolicy(poison_run=None, poison_share=0.5)
    assert not poison_exceeded(policy, count(bad=999))
    assert poison_exceeded(policy, count(bad=501, good_after=499))
    assert not poison_exceeded(policy, count(bad=500, good_after=500))


def test_the_window_starts_anew_and_keeps_the_run() -> None:
    full = count(bad=POISON_WINDOW)
    assert count_bad(full) == PoisonCount(run=POISON_WINDOW + 1, window_bad=1, window_seen=1)


def test_without_bounds_everything_may_be_parked() -> None:
    policy = FeederPolicy(poison_run=None, poison_share=None)
    assert not poison_exceeded(policy, count(bad=5000))


@pytest.mark.parametrize("records", [1, 2, POISON_WINDOW - 500, POISON_WINDOW - 499, POISON_WINDOW, 2 * POISON_WINDOW])
def test_good_records_are_counted_together_as_one_by_one(records: int) -> None:
    start = count(bad=500)
    bad, seen = start.window_bad, start.window_seen
    for _ in range(records):
        if seen == POISON_WINDOW:
            bad = seen = 0
        seen += 1
    assert count_good(start, records) == PoisonCount(window_bad=bad, window_seen=seen)
