"""What is asked of the stats API, and what is said of a figure that differs."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from analytics_app.simulation.scenario import Funnel
from analytics_app.simulation.stats_client import Rows, StatsClient, StatsError, open_stats
from analytics_app.simulation.summary import Summary, summarize
from analytics_app.simulation.verification import Question, VerificationError, verify, wait_for_rows
from tests.conftest import free_ports
from tests.simulation.worlds import options, sent

OF = options(days=3)
SUMMARY = summarize(OF, sent(OF)[1])
FUNNEL = OF.scenario.funnel
EXPECTED = SUMMARY.expected


class RightStats(StatsClient):
    """A dashboard that shows what is expected, but for `wrong`."""

    def __init__(self, **wrong: Any) -> None:
        self.shown = EXPECTED._replace(**wrong)
        self.asked: list[dict[str, Any]] = []

    def table(self, report: str, table: str, **query: str | list[str]) -> Rows:
        self.asked.append({"report": report, "table": table, **query})
        shown = self.shown
        match report, table:
            case "explore", "totals" if "measure1" in query:
                rows: Rows = [[None, query["measure1"], None, None, shown.unique_people, None]]
            case "explore", "totals":
                types = [query[name] for name in sorted(query) if name.startswith("event")]
                rows = [[name, "events", None, None, shown.by_type[str(name)], None] for name in types]
            case "explore", "series":
                rows = [[f"{day}T00:00:00+00:00", number] for day, number in shown.people_by_day.items()]
            case "overview", "headline":
                totals = {"Events": shown.events, "Unique devices": shown.unique_devices, "Sessions": shown.sessions}
                rows = [[name, "", number, None] for name, number in totals.items()]
                rows += [["Revenue", code, f"{amount:.6f}", None] for code, amount in shown.revenue.items()]
            case "overview", "people":
                rows = [[f"{day}T00:00:00+00:00", number, 0] for day, number in shown.devices_by_day.items()]
            case "funnel", "steps":
                rows = [[at, step, number, 0.0, 0.0, None] for at, (step, number) in enumerate(shown.funnel, 1)]
            case "retention", "retention":
                rows = [[f"{day}T00:00:00+00:00", number, 0] for day, number in shown.cohorts.items()]
                rows.append(["2020-01-01T00:00:00+00:00", 0, 0])
            case _:
                raise AssertionError(table)
        return rows


def test_every_figure_is_asked_for() -> None:
    stats = RightStats()
    figures = verify(stats, SUMMARY, "web", FUNNEL)
    assert figures > 3 + len(EXPECTED.by_type) + len(EXPECTED.revenue) + 3 * len(EXPECTED.devices_by_day)
    assert {asked["report"] for asked in stats.asked} == {"overview", "explore", "funnel", "retention"}
    assert all(asked["source"] == "web" for asked in stats.asked)
    assert {(asked["from"][16:], asked["to"][16:]) for asked in stats.asked} == {(":00.000Z", ":00.000Z")}
    funnel = next(asked for asked in stats.asked if asked["report"] == "funnel")
    assert (funnel["step"], funnel["window"]) == (list(FUNNEL.steps), "60m")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"unique_people": 4}, f"People: {EXPECTED.unique_people} expected, 4 shown"),
        ({"people_by_day": {}}, "People on 2026-09-2"),
        ({"sessions": 5}, f"Sessions: {EXPECTED.sessions} expected, 5 shown"),
        ({"unique_devices": 1}, f"Unique devices: {EXPECTED.unique_devices} expected, 1 shown"),
        ({"events": EXPECTED.events + 1}, f"Events: {EXPECTED.events} expected, {EXPECTED.events + 1} shown"),
        ({"revenue": {}}, f"Revenue EUR: {EXPECTED.revenue['EUR']} expected, 0 shown"),
        ({"by_type": EXPECTED.by_type | {"SEARCH": 0}}, f"Events of SEARCH: {EXPECTED.by_type['SEARCH']} expected, 0"),
        ({"cohorts": EXPECTED.cohorts | {"2020-02-02": 3}}, "New people on 2020-02-02: 0 expected, 3 shown"),
        ({"funnel": [(name, 0) for name, _ in EXPECTED.funnel]}, "People who reached START_SESSION: "),
        ({"devices_by_day": {}}, "Unique devices on 2026-09-2"),
    ],
)
def test_a_difference_is_told_with_both_numbers(
    wrong: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics_app.simulation.verification._PATIENCE", 0.0)
    with pytest.raises(VerificationError) as caught:
        verify(RightStats(**wrong), SUMMARY, "web", FUNNEL)
    assert told in str(caught.value)


def test_the_feeder_is_waited_for_as_long_as_rows_come() -> None:
    stats = RightStats(events=0)
    waits = 0

    def sleep(_: float) -> None:
        nonlocal waits
        waits += 1
        stats.shown = stats.shown._replace(events=stats.shown.events + waits % 2)

    wait_for_rows(stats, Question("web", 0, 1), 40, sleep)
    assert stats.shown.events == 40
    wait_for_rows(RightStats(events=0), Question("web", 0, 1), 40, lambda _: None)


@pytest.mark.parametrize(
    ("field", "value", "told"), [("in_doubt", 3, "3 events are in doubt"), ("last", None, "Nothing was sent")]
)
def test_what_cannot_be_verified(field: str, value: Any, told: str) -> None:
    summary: Summary = replace(SUMMARY, **{field: value})
    with pytest.raises(VerificationError, match=told):
        verify(RightStats(), summary, "web", Funnel("f", ("A", "B"), 60))


@pytest.mark.django_db
def test_it_is_signed_in_for_as_long_as_it_asks() -> None:
    url = f"http://127.0.0.1:{free_ports(1)}"
    with pytest.raises(StatsError, match="There is no admin user"), open_stats(url):
        pass
    User.objects.create_superuser("boss")
    with open_stats(url) as stats:
        assert Session.objects.get().get_decoded()["_auth_user_id"]
        with pytest.raises(StatsError, match="does not answer"):
            stats.table("overview", "headline")
    assert not Session.objects.exists()
