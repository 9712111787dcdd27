"""The numbers of revenue against plain Python, to the last digit, currency by currency."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.measures.lifetime import Lifetime, measure_lifetime
from dashboard_app.measures.revenue import Money, RevenuePeriod, measure_previous, measure_revenue, measure_values
from dashboard_app.question.buckets import Bucket, Interval, make_buckets
from dashboard_app.question.filters import DateRange, Filters, parse_filters
from tests.dashboard.events_table import EventRow, events_table
from tests.dashboard.queries import make_query

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 26, 11, 17, 30, tzinfo=UTC)
RANGE_START = datetime(2026, 10, 21, 22, tzinfo=UTC)
CURRENCIES = (None, "EUR", "JPY")


def parse(**query: str | list[str]) -> Filters:
    return parse_filters(make_query(**query), now=NOW, tz=BERLIN)


def within(rows: Sequence[EventRow], part: Bucket | DateRange) -> list[EventRow]:
    return [row for row in rows if part.start <= row.created_on < part.end]


def rounded(amount: Fraction) -> Decimal:
    """To six places, halves to even."""
    return Decimal(round(amount * 10**6)).scaleb(-6)


def expected_money(rows: Sequence[EventRow]) -> dict[str | None, Money]:
    money = {}
    for currency in CURRENCIES:
        mine = [row for row in rows if row.revenue is not None and row.currency == currency]
        payments = [row for row in mine if row.revenue and row.revenue > 0]
        if mine:
            money[currency] = Money(
                revenue=sum((row.revenue or Decimal(0) for row in mine), Decimal(0)),
                payments=len(payments),
                paid=sum((row.revenue or Decimal(0) for row in payments), Decimal(0)),
                payers=len({row.person for row in payments}),
            )
    return money


def check_period(rows: Sequence[EventRow], date_range: DateRange, buckets: Sequence[Bucket], found: object) -> None:
    assert isinstance(found, RevenuePeriod)
    inside = within(rows, date_range)
    assert found.persons == len({row.person for row in inside})
    assert found.total == expected_money(inside)
    assert found.buckets == [expected_money(within(rows, bucket)) for bucket in buckets]


def expected_values(rows: Sequence[EventRow], currency: str | None) -> dict[str | None, Money]:
    by_country = defaultdict(list)
    for row in rows:
        if row.revenue is not None and row.currency == currency:
            by_country[row.country].append(row)
    return {country: expected_money(mine)[currency] for country, mine in by_country.items()}


def check_lifetime(
    rows: Sequence[EventRow], filters: Filters, buckets: Sequence[Bucket], currency: str | None, found: Lifetime
) -> None:
    first: dict[str, datetime] = {}
    for row in sorted(rows, key=lambda row: row.created_on):
        first.setdefault(row.person, row.created_on)
    inside = within(rows, filters.range)
    increments: dict[int, list[tuple[int, Fraction]]] = defaultdict(list)
    for place, (bucket, cohort) in enumerate(zip(buckets, found.cohorts, strict=True)):
        people = {person for person, moment in first.items() if bucket.start <= moment < bucket.end}
        assert (cohort.bucket, cohort.persons) == (bucket, len(people))
        paid = [row for row in inside if row.person in people and row.currency == currency and row.revenue is not None]
        ends = [later.end for later in buckets[place:]]
        so_far = [
            sum((Fraction(row.revenue or 0) for row in paid if row.created_on < end), Fraction(0)) for end in ends
        ]
        assert cohort.cumulative == tuple(rounded(amount / len(people)) if people else None for amount in so_far)
        for age, amount in enumerate(so_far):
            increments[age].append((len(people), amount - (so_far[age - 1] if age else 0)))
    total, expected = Fraction(0), []
    for age in range(len(buckets)):
        persons = sum(count for count, _ in increments[age])
        total += sum((amount for _, amount in increments[age]), Fraction(0)) / persons if persons else 0
        expected.append(rounded(total) if persons else None)
    assert found.all == tuple(expected)


AMOUNTS = st.sampled_from(["0.1", "0.2", "0.000001", "-5", "0", "999999999999.999999", "19.99", "-0.333333"])


@st.composite
def events(draw: st.DrawFn) -> EventRow:
    """Payments, refunds and other events of few people over days of 23 to 25 hours, also at their edges."""
    moment = RANGE_START + timedelta(hours=draw(st.integers(-60, 110)), milliseconds=draw(st.sampled_from([0, 0, -1])))
    amount = draw(st.one_of(st.none(), AMOUNTS.map(Decimal)))
    return EventRow(
        moment,
        person=draw(st.sampled_from(["p1", "p2", "p3", "p4", "p5"])),
        revenue=amount,
        currency=draw(st.sampled_from(CURRENCIES)),
        country=draw(st.sampled_from([None, "DE", "FR"])),
        source=draw(st.sampled_from(["shop", "app"])),
        day=draw(st.integers(0, 1)),
    )


def stored(rows: list[EventRow]) -> list[EventRow]:
    return [replace(row, offset=offset) for offset, row in enumerate(rows)]


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(events(), max_size=30).map(stored),
    source=st.sampled_from(["", "shop"]),
    interval=st.sampled_from([Interval.DAY, Interval.WEEK]),
)
def test_every_number_is_what_its_definition_says(rows: list[EventRow], source: str, interval: Interval) -> None:
    filters = parse(from_="2026-10-22T00:00", to="2026-10-27T00:00", compare="previous", source=source)
    passing = [row for row in rows if source in ("", row.source)]
    begun = make_buckets(filters.range.start, filters.range.end, interval, NOW, BERLIN)
    with events_table(rows) as connection:
        previous = measure_previous(connection, filters, "country")
        current = measure_revenue(connection, filters, "country")
        by_value = {currency: measure_values(connection, currency) for currency in CURRENCIES}
        lifetimes = {c: measure_lifetime(connection, filters, begun, c) for c in CURRENCIES}
    check_period(passing, filters.range, filters.buckets, current)
    assert filters.previous is not None
    check_period(passing, filters.previous, filters.previous_buckets, previous)
    for currency in CURRENCIES:
        assert by_value[currency] == expected_values(within(passing, filters.range), currency)
        check_lifetime(passing, filters, begun, currency, lifetimes[currency])


def test_the_values_with_most_revenue_come_first_and_those_without_a_name_last() -> None:
    moment = NOW - timedelta(hours=1)
    amounts = [("DE", 3), ("FR", 9), (None, 3), ("DE", 0), ("AT", -1)]
    rows = [EventRow(moment, country=country, revenue=Decimal(n), currency="EUR") for country, n in amounts]
    with events_table(stored(rows)) as connection:
        measure_revenue(connection, parse(), "country")
        assert list(measure_values(connection, "EUR")) == ["FR", "DE", None, "AT"]


def test_quotients_are_rounded_to_six_places_and_absent_without_anybody() -> None:
    money = Money(revenue=Decimal("10.000000"), payments=3, paid=Decimal("20.000000"), payers=6)
    assert (str(money.per_payer), str(money.average_payment)) == ("1.666667", "6.666667")
    assert (Money().per_payer, Money().average_payment) == (None, None)
    period = RevenuePeriod(0, {"EUR": money}, [])
    assert (period.per_person("EUR"), replace(period, persons=4).per_person("EUR")) == (None, Decimal("2.5"))


def test_who_came_before_the_range_is_in_no_cohort() -> None:
    old, new = EventRow(RANGE_START - timedelta(days=400)), EventRow(NOW - timedelta(hours=1), person="p2")
    paid = replace(old, created_on=NOW - timedelta(hours=1), revenue=Decimal(5), currency="EUR")
    filters = parse()
    with events_table(stored([old, paid, new])) as connection:
        measure_revenue(connection, filters, "country")
        lifetime = measure_lifetime(connection, filters, filters.buckets, "EUR")
    assert sum(cohort.persons for cohort in lifetime.cohorts) == 1
    assert lifetime.all[0] == 0
