"""Retention against a plain computation, on days and weeks of 23, 24 and 25 hours."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils.datastructures import MultiValueDict
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.measures.retention import Cohort, RetentionOptions, measure_retention
from dashboard_app.question.buckets import Bucket, Interval, floor, following
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import parse_filters
from dashboard_app.report import Context
from dashboard_app.reports.retention import COLUMNS, MAX_COHORTS, RetentionReport
from tests.dashboard.plain_rows import START, Row, database, drawn_rows

# The clocks go back in the night to 25 October, in Havana at one, on 1 November.
ZONES = ("UTC", "Europe/Berlin", "America/Havana", "Asia/Kolkata")
NOW = START + timedelta(days=12, hours=7)


def options(tz: str = "UTC", **query: str) -> RetentionOptions:
    return options_at(NOW, tz, query)


def options_at(now: datetime, tz: str, query: dict[str, str]) -> RetentionOptions:
    asked = MultiValueDict({name.rstrip("_"): [value] for name, value in query.items()})
    return RetentionReport().parse(asked, Context(now, ZoneInfo(tz), asked))


def measure(rows: Sequence[Row], chosen: RetentionOptions, tz: str = "UTC", **query: str) -> list[Cohort]:
    asked = MultiValueDict({name: [value] for name, value in query.items()})
    return measure_retention(database(rows), parse_filters(asked, now=NOW, tz=ZoneInfo(tz)), chosen)


def periods_after(start: datetime, count: int, period: Interval, tz: ZoneInfo) -> list[tuple[datetime, datetime]]:
    spans = []
    for _ in range(count):
        start = following(start, period, tz)
        spans.append((start, following(start, period, tz)))
    return spans


def plain_cohorts(
    rows: Sequence[Row], chosen: RetentionOptions, tz: ZoneInfo, start: str | None, returning: str | None
) -> list[tuple[datetime, int, list[int]]]:
    persons = {row.person for row in rows}
    firsts = {
        person: min(mine)
        for person in persons
        if (mine := [r.created_on for r in rows if r.person == person and start in (None, r.event_type)])
    }
    cohorts = []
    for bucket in chosen.buckets[: chosen.cohorts]:
        members = [person for person, first in firsts.items() if bucket.start <= first < bucket.end]
        back = [(row.person, row.created_on) for row in rows if returning in (None, row.event_type)]
        spans = periods_after(bucket.start, chosen.columns, chosen.period, tz)
        returned = [
            len({person for person, at in back if person in members and begin <= at < end})
            for begin, end in spans
            if begin <= NOW
        ]
        cohorts.append((bucket.start, len(members), returned))
    return cohorts


@settings(max_examples=150, deadline=None)
@given(
    drawn_rows(step=timedelta(hours=1), steps=24 * 12, most=40),
    st.sampled_from(ZONES),
    st.sampled_from(["day", "week", "month"]),
    st.sampled_from([None, "A"]),
    st.sampled_from([None, "A", "B"]),
)
def test_every_number_is_what_its_definition_says(
    rows: list[Row], tz: str, period: str, start: str | None, returning: str | None
) -> None:
    query = {"from": "2026-10-25T05:00", "to": "2026-11-04T03:00", "period": period}
    chosen = options_at(NOW, tz, {**query, "start": start or "", "returning": returning or ""})
    found = [(c.bucket.start, c.size, list(c.returned)) for c in measure(rows, chosen, tz)]
    assert found == plain_cohorts(rows, chosen, ZoneInfo(tz), start, returning)


def days_of(person: int, *days: int, event_type: str = "A") -> list[Row]:
    return [Row(person, START + timedelta(days=day, hours=23), 0, 100 * person + day, event_type) for day in days]


def test_who_was_there_before_the_range_is_in_no_cohort() -> None:
    rows = days_of(1, 0, 3, 4) + days_of(2, 3, 4)
    cohorts = measure(rows, options(from_="2026-10-26T00:00", to="2026-10-29T00:00", period="day"))
    assert [cohort.size for cohort in cohorts] == [0, 1, 0]
    assert cohorts[1].returned[:2] == (1, 0)


def test_people_come_back_after_the_range_too_and_up_to_the_present() -> None:
    chosen = options(from_="2026-10-24T00:00", to="2026-10-25T00:00", period="day")
    (cohort,) = measure(days_of(1, 0, 12), chosen)
    assert cohort.returned == (0,) * 11 + (1,)
    assert [bucket.whole for bucket in chosen.buckets[-2:]] == [True, False]


def test_a_cohort_is_a_whole_period_however_the_range_cuts_it() -> None:
    chosen = options("Europe/Berlin", from_="2026-10-28T12:00", to="2026-10-28T13:00", period="week")
    monday = datetime(2026, 10, 26, tzinfo=ZoneInfo("Europe/Berlin"))
    assert chosen.buckets[0] == Bucket(monday.astimezone(UTC), floor(NOW, Interval.WEEK, monday.tzinfo), whole=True)  # type: ignore[arg-type]


def test_more_periods_than_a_word_has_bits_are_counted() -> None:
    rows = days_of(1, *range(0, 140, 7))
    now = START + timedelta(days=140)
    chosen = options_at(now, "UTC", {"from": "2026-10-24T00:00", "to": "2027-01-22T00:00", "period": "day"})
    assert chosen.cohorts == 90
    cohorts = measure(rows + days_of(2, 80, 87, 94, 101), chosen)
    assert [n for n, back in enumerate(cohorts[0].returned, 1) if back] == [7, 14, 21, 28]
    assert [n for n, back in enumerate(cohorts[80].returned, 1) if back] == [7, 14, 21]
    assert len(cohorts[80].returned) == COLUMNS


def test_the_pages_filters_choose_the_rows_that_are_looked_at() -> None:
    rows = [Row(1, START, 0, 0, "A", "FR"), Row(1, START + timedelta(days=1), 0, 1, "A", "DE")]
    chosen = options(from_="2026-10-24T00:00", to="2026-10-26T00:00", period="day")
    assert [cohort.size for cohort in measure(rows, chosen, filter="country:is:DE")] == [0, 1]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [({"period": "hour"}, "period"), ({"start": "A|nope:is:1"}, "start"), ({"returning": "|"}, "returning")],
)
def test_a_wrong_option_is_told(query: dict[str, str], parameter: str) -> None:
    with pytest.raises(FilterError) as error:
        options_at(NOW, "UTC", query)
    assert error.value.parameter == parameter


def test_too_many_cohorts_ask_for_a_longer_period() -> None:
    with pytest.raises(FilterError, match=f"at most {MAX_COHORTS}"):
        options(from_="2020-01-01T00:00", to="2026-01-01T00:00", period="day")
