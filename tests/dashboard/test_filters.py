from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.question.buckets import Interval
from dashboard_app.question.errors import FilterError
from dashboard_app.question.filters import Filters, parse_filters
from tests.dashboard.queries import make_query

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)


def parse(now: datetime = NOW, tz: ZoneInfo = BERLIN, **query: str) -> Filters:
    return parse_filters(make_query(**query), now=now, tz=tz)


def test_without_a_query_the_last_24_hours_are_shown_by_hour() -> None:
    filters = parse()
    assert (filters.name, filters.interval, len(filters.buckets)) == ("24h", Interval.HOUR, 24)
    assert filters.range.start == datetime(2026, 11, 22, 13, tzinfo=UTC)
    assert filters.range.end == datetime(2026, 11, 23, 12, 35, tzinfo=UTC)
    assert filters.previous is None


@pytest.mark.parametrize(
    ("name", "interval", "buckets"), [("1h", "minute", 60), ("7d", "day", 7), ("30d", "day", 30), ("90d", "day", 90)]
)
def test_a_preset_ends_with_the_present_bucket(name: str, interval: str, buckets: int) -> None:
    filters = parse(range=name)
    assert (filters.interval, len(filters.buckets)) == (interval, buckets)
    assert [bucket.whole for bucket in filters.buckets] == [True] * (buckets - 1) + [False]


def test_a_custom_range_is_in_the_projects_timezone() -> None:
    filters = parse(from_="2026-11-20T09:30", to="2026-11-20T10:00")
    assert filters.name == "custom"
    assert filters.range.start == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    assert filters.range.end == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_the_period_before_ends_where_the_present_lies_in_it() -> None:
    filters = parse(range="7d", compare="previous")
    assert filters.previous is not None
    assert filters.previous.start == datetime(2026, 11, 10, tzinfo=BERLIN)
    assert filters.previous.end == filters.range.end - timedelta(days=7)
    assert filters.previous_buckets[-1].end == filters.previous.end


def test_whole_days_are_compared_with_whole_days_across_a_change_of_the_clocks() -> None:
    filters = parse(range="custom", from_="2026-10-25T00:00", to="2026-10-26T00:00", compare="previous")
    assert filters.previous is not None
    assert filters.previous.start == datetime(2026, 10, 24, tzinfo=BERLIN)
    assert filters.previous.end == filters.range.start
    assert (len(filters.buckets), len(filters.previous_buckets)) == (25, 25)
    assert filters.previous_buckets[24].start == filters.previous_buckets[24].end


def test_a_range_that_has_not_begun_is_compared_with_nothing() -> None:
    filters = parse(from_="2027-01-01T00:00", to="2027-01-02T00:00", compare="previous")
    assert filters.previous is None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"range": "1y"}, "The range “1y” is not known"),
        ({"range": "custom"}, "“from” is missing"),
        ({"from": "2026-01-01"}, "“to” is missing"),
        ({"from": "yesterday", "to": "2026-01-01"}, "“yesterday” is no date"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "ends before it starts"),
        ({"from": "2026-01-01", "to": "2026-01-01"}, "ends before it starts"),
        ({"from": "0001-01-01", "to": "2026-01-01"}, "“0001-01-01” is n"),
        ({"from": "2026-01-01", "to": "9999-12-31T23:59"}, "not between"),
        ({"interval": "second"}, "The interval “second” is not known"),
        ({"range": "90d", "interval": "minute"}, "Choose a longer interval"),
    ],
)
def test_a_wrong_query_is_told_what_to_do(query: dict[str, str], message: str) -> None:
    with pytest.raises(FilterError, match=message):
        parse_filters(make_query(**query), now=NOW, tz=BERLIN)


ascii_printable = st.characters(codec="ascii", categories=["L", "N", "P", "Zs"])
texts = st.one_of(
    st.text(ascii_printable, max_size=20),
    st.datetimes().map(datetime.isoformat),
    st.sampled_from(["1h", "90d", "custom", "day"]),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["range", "from", "to", "interval", "compare"]), texts))
def test_no_query_at_all_breaks_it(query: dict[str, str]) -> None:
    try:
        filters = parse_filters(make_query(**query), now=NOW, tz=BERLIN)
    except FilterError:
        return
    assert filters.buckets[0].start == filters.range.start
    assert filters.buckets[-1].end == filters.range.end
    if filters.previous:
        assert len(filters.previous_buckets) == len(filters.buckets)
        assert filters.previous.end <= filters.range.start
