"""The events: repeatable whoever makes them, as the product would write them, and like what people do."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_app.endpoints import NATIVE
from analytics_app.reading import read
from analytics_app.simulation.faults import FaultShares
from analytics_app.simulation.stamps import Stamp, json_time
from analytics_app.simulation.stream import Plan, open_stream
from analytics_app.validation import Sender, validate
from brokerlytics.csv_rows import RowEncoder
from brokerlytics.event import END_SESSION, REVENUE, START_SESSION, InvalidEventError
from brokerlytics.event_codec import decode_event, encode_event
from brokerlytics.native.library import Library
from tests.simulation.worlds import DAY, HOUR, NAMES, START, decoded, events, options, person_of, scenario, sent

FAULTS = FaultShares(duplicates=0.05, late=0.05, out_of_order=0.1, malformed=0.03)
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_what_validation_would_have_produced(native: Library, name: str) -> None:
    values, _ = sent(options(name))
    assert len(values) > 1000
    for value in values:
        assert encode_event(decode_event(value, event_id="none", received_on=NOW)) == value
    assert RowEncoder(native).encode(values, 0, range(len(values))).all_plain


@pytest.mark.parametrize("name", NAMES)
def test_what_the_api_makes_of_them_is_what_is_sent_without_it(name: str) -> None:
    """But for the time of receipt."""
    made = events(Plan(scenario(name), 1, START, START + DAY))
    outgoing = [(event[0], START + 30 * DAY, *event[6:]) for event in made]
    body = b"[%b]" % b",".join(value for _, value in Stamp(None).messages(outgoing))
    reading = read(msgspec.json.decode(body), NATIVE)
    valid, rejected = validate(reading, Sender("web", datetime.fromtimestamp(START / 1000 + 30 * 86_400, UTC)))
    assert rejected == []
    assert [(event.key, event.value) for event in valid] == Stamp("web").messages(outgoing)


@given(st.integers(0, 4_000_000_000_000))
def test_times_are_written_as_msgspec_writes_them(time: int) -> None:
    moment = datetime.fromtimestamp(time // 1000, UTC).replace(microsecond=time % 1000 * 1000)
    assert json_time(time) == msgspec.json.encode(moment)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), users=st.integers(1, 30), name=st.sampled_from(NAMES))
def test_the_same_seed_makes_the_same_events(seed: int, users: int, name: str) -> None:
    plan = Plan(scenario(name, users=users), seed, START, START + DAY)
    assert events(plan) == events(plan)
    assert not {event[7][:60] for event in events(plan)} & {
        event[7][:60] for event in events(plan._replace(seed=seed ^ 1))
    }


def test_however_many_processes_make_them_they_are_the_same() -> None:
    plan = Plan(scenario(), 5, START, START + 3 * DAY)
    alone = events(plan)
    assert events(plan, 2) == alone
    assert events(plan, 3) == alone


def test_faults_are_the_same_in_every_run() -> None:
    values, _ = sent(options(faults=FAULTS))
    again, _ = sent(options(faults=FAULTS, processes=2, batch=7))
    assert values == again


def test_a_stream_that_is_left_early_leaves_no_process() -> None:
    with open_stream(Plan(scenario(), 1, START), 2) as chunks:
        next(chunks)


def test_events_come_in_the_order_of_time_and_each_has_its_own_id() -> None:
    made = events(Plan(scenario(), 0, START, START + 5 * DAY))
    times = [event[0] for event in made]
    assert times == sorted(times)
    assert START <= times[0] <= times[-1] < START + 5 * DAY
    assert len({event[7][:60] for event in made}) == len(made)


def by_session(name: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in decoded(sent(options(name, days=8))[0]):
        if "session_id" in row:
            found[row["session_id"]].append(row)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_sessions_start_buy_and_mostly_end(name: str) -> None:
    sessions = by_session(name)
    types = [[row["event_type"] for row in session] for session in sessions.values()]
    assert all(names[0] == START_SESSION for names in types)
    assert all(END_SESSION not in names[:-1] for names in types)
    ended = sum(names[-1] == END_SESSION for names in types) / len(types)
    assert abs(ended - scenario(name).sessions.ended) < 0.1
    assert all(len({row["device_id"] for row in session}) == 1 for session in sessions.values())
    sales = [row for session in sessions.values() for row in session if row["event_type"] == REVENUE]
    assert sales
    assert all(sale["revenue"] > 0 and len(sale["currency"]) == 3 for sale in sales)


def test_people_are_anonymous_first_and_known_after_they_signed_in() -> None:
    known: dict[str, str] = {}
    rows = decoded(sent(options("saas", scenario=scenario("saas", known=0.0)))[0])
    for row in rows:
        device = row["device_id"]
        if row["kind"] == "identify":
            known.setdefault(device, row["user_id"])
        assert row.get("user_id") == known.get(device)
    devices = {row["device_id"] for row in rows}
    assert 0 < len(known) < len(devices)
    # Some people have two devices.
    assert len({person for person, _ in person_of(rows)}) < len(devices)


def test_pages_belong_to_the_web_and_screens_to_the_apps() -> None:
    rows = decoded(sent(options())[0])
    for row in rows:
        web = row["platform"] == "web"
        assert ("app_version" in row) != web
        if row["kind"] in ("page", "screen"):
            assert (row["kind"] == "page") == web == ("page_url" in row)
        assert ("utm_source" in row) <= web
    assert {row["kind"] for row in rows} == {"track", "page", "screen", "identify"}


def test_people_join_leave_and_follow_the_day() -> None:
    growing = events(Plan(scenario(new_per_day=40.0, growth=0.05, churn=0.0), 1, START, START + 10 * DAY))
    newcomers = {event[1] for event in growing if event[1] >= 40}
    assert 350 < len(newcomers) < 700
    leaving = events(Plan(scenario(users=300, new_per_day=0.0, churn=0.5), 1, START, START + 20 * DAY))
    halves = [sum((event[0] < START + 10 * DAY) is first for event in leaving) for first in (True, False)]
    assert halves[1] < halves[0] / 5
    hours = [0] * 24
    for event in growing:
        hours[(event[0] // HOUR + 2) % 24] += 1  # Berlin in September
    assert hours[20] > 4 * hours[3]


def test_rate_spaces_them_evenly() -> None:
    values, simulation = sent(options(rate=10_000.0, limit=300, batch=50))
    assert simulation.feed.taken == len(values) == 300
    created = [msgspec.json.decode(value)["created_on"] for value in values[:21]]
    assert created[10] == msgspec.json.decode(json_time(START + 1))
    assert created[20] == msgspec.json.decode(json_time(START + 2))


class TestFaults:
    def test_the_truth_is_the_same_with_and_without(self) -> None:
        _, clean = sent(options())
        values, faulty = sent(options(faults=FAULTS))
        assert faulty.feed.truth.figures() == clean.feed.truth.figures()
        counts = faulty.feed.faults.counts
        assert len(values) == clean.feed.taken + counts.duplicates + counts.malformed
        assert min(counts.duplicates, counts.late, counts.out_of_order, counts.malformed) > 20

    def test_what_is_broken_is_refused_and_nothing_else(self) -> None:
        values, simulation = sent(options(faults=FAULTS))
        refused = [value for value in values if not _is_event(value)]
        assert len(refused) == simulation.feed.faults.counts.malformed
        assert all(b'"broken-' in value for value in refused)

    def test_late_events_are_received_late_and_keep_their_time(self) -> None:
        values, simulation = sent(options(faults=FaultShares(late=0.1)))
        rows = [msgspec.json.decode(value) for value in values]
        late = [row for row in rows if row["received_on"] != row["created_on"]]
        assert len(late) == simulation.feed.faults.counts.late
        assert [row["created_on"] for row in rows] != sorted(row["created_on"] for row in rows)

    def test_duplicates_have_the_same_id_and_key(self) -> None:
        values, _ = sent(options(faults=FaultShares(duplicates=0.1)))
        ids = [msgspec.json.decode(value)["event_id"] for value in values]
        assert len(ids) > len(set(ids)) > 0.8 * len(ids)


def _is_event(value: bytes) -> bool:
    try:
        decode_event(value, event_id="none", received_on=NOW)
    except InvalidEventError:
        return False
    return True
