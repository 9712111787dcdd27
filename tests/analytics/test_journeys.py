from collections import defaultdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from analytics_app.endpoints import NATIVE
from analytics_app.reading import Reading
from analytics_app.simulation.journeys import events
from analytics_app.validation import Sender, validate
from brokerlytics.event import END_SESSION, REVENUE, START_SESSION

START = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)


def take(number: int, *, seed: int = 1, users: int = 20, start: datetime = START) -> list[dict[str, Any]]:
    return list(islice(events(seed, users, start, 10.0), number))


def test_the_same_arguments_give_the_same_events() -> None:
    assert take(2000) == take(2000)
    assert take(50) != take(50, seed=2)


def test_with_another_start_the_same_people_do_something_else() -> None:
    first, later = take(1000), take(1000, start=START.replace(month=9))
    assert {event["device_id"] for event in first} == {event["device_id"] for event in later}
    assert not {event["event_id"] for event in first} & {event["event_id"] for event in later}


def test_every_event_fits_the_contract_and_has_its_own_id() -> None:
    stream = take(3000)
    valid, rejected = validate(Reading(NATIVE, stream, {}), Sender("simulation", START))
    assert rejected == []
    assert len({event.event_id for event in valid}) == 3000


def test_events_are_created_at_the_rate() -> None:
    assert [event["created_on"][17:] for event in take(3)] == ["00.000Z", "00.100Z", "00.200Z"]


def test_sessions_start_view_buy_and_end() -> None:
    sessions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in take(20_000):
        sessions[event["session_id"]].append(event)
    types = [[event["event_type"] for event in session] for session in sessions.values()]
    assert all(names[0] == START_SESSION for names in types)
    assert all(END_SESSION not in names[:-1] for names in types)
    assert sum(names[-1] == END_SESSION for names in types) > 0.95 * len(types)
    assert all(len({event["device_id"] for event in session}) == 1 for session in sessions.values())
    sales = [event for session in sessions.values() for event in session if event["event_type"] == REVENUE]
    assert sales
    assert all(sale["revenue"] > 0 and len(sale["currency"]) == 3 for sale in sales)


def test_who_signed_in_stays_known() -> None:
    known: dict[str, str] = {}
    for event in take(20_000):
        device = event["device_id"]
        assert event.get("user_id") == known.get(device) or event["event_type"] in ("SIGN_IN", START_SESSION)
        if "user_id" in event:
            assert known.setdefault(device, event["user_id"]) == event["user_id"]
    assert 0 < len(known) <= 20


def test_pages_belong_to_the_web_and_screens_to_the_apps() -> None:
    for event in take(2000):
        web = event["platform"] == "web"
        assert ("app_version" in event) != web
        if event.get("kind") in ("page", "screen"):
            assert (event["kind"] == "page") == web == ("page_url" in event)
