"""The groups of Explore as docs/metrics.md defines them, computed row by row in plain Python."""

from collections import Counter
from collections.abc import Sequence

from brokerlytics.event import Event
from dashboard_app.measures.explore_groups import Explored, Group, Pair
from dashboard_app.question.buckets import Bucket
from dashboard_app.question.filters import DateRange, Filters
from tests.dashboard.plain_overview import value_of
from tests.dashboard.plain_people import Row, persons

# A row and its person.
Seen = tuple[Row, str]


def plain_groups(rows: Sequence[Row], filters: Filters, asked: Explored) -> list[Group]:
    """Of events, devices, users and persons; `rows` are those of the whole store."""
    seen = [
        (row, person)
        for row, person in zip(rows, persons(rows), strict=True)
        if filters.source in ("", row.event.source)
    ]
    return [group for pair in asked.pairs for group in _groups(seen, filters, asked, pair)]


def _groups(seen: Sequence[Seen], filters: Filters, asked: Explored, pair: Pair) -> list[Group]:
    current = _within(seen, filters.range)
    top = _top(current, asked) if asked.by else []
    groups = [Group(pair, value) for value in sorted(top, key=lambda value: (value is None, top.index(value)))]
    groups = [*groups, Group(pair, is_other=True)] if asked.by else [Group(pair, is_all=True)]
    found = []
    for group in groups:

        def belongs(event: Event, group: Group = group) -> bool:
            value = value_of(event, asked.by) if asked.by else None
            return group.is_all or (value not in top if group.is_other else value == group.value)

        mine = [one for one in seen if pair.event in ("", one[0].event.event_type) and belongs(one[0].event)]
        some = _within(mine, filters.range)
        group.total, group.values = _measured(some, pair), _by_bucket(some, filters.buckets, pair)
        before = _within(mine, filters.previous) if filters.previous else []
        if filters.previous:
            group.previous_total = _measured(before, pair)
            group.previous = _by_bucket(before, filters.previous_buckets, pair)
        if not group.is_other or some or before:
            found.append(group)
    return found


def _top(seen: Sequence[Seen], asked: Explored) -> list[str | None]:
    names = {pair.event for pair in asked.pairs}
    counts = Counter(value_of(row.event, asked.by) for row, _ in seen if names & {"", row.event.event_type})
    return sorted(counts, key=lambda value: (-counts[value], value is None, value or ""))[: asked.top]


def _within(seen: Sequence[Seen], asked: DateRange | Bucket) -> list[Seen]:
    return [one for one in seen if asked.start <= one[0].event.created_on < asked.end]


def _by_bucket(seen: Sequence[Seen], buckets: Sequence[Bucket], pair: Pair) -> list[int]:
    return [_measured(_within(seen, bucket), pair) for bucket in buckets]


def _measured(seen: Sequence[Seen], pair: Pair) -> int:
    if pair.measure == "events":
        return len(seen)
    if pair.measure == "persons":
        return len({person for _, person in seen})
    return len({getattr(row.event, pair.measure[:-1] + "_id") for row, _ in seen} - {None})
