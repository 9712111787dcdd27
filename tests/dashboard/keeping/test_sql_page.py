"""The SQL page: who may, what is shown, and what a download has."""

import csv
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Event
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from dashboard_app.models import SavedReport
from dashboard_app.sql.recent import KEEP_SECONDS, RecentResults
from dashboard_app.sql.reference import COLUMN_REFERENCE, EXAMPLES
from dashboard_app.sql.runner import SqlError, SqlResult, run_sql
from tests.dashboard.keeping.conftest import client_of
from tests.waiting import PATIENCE

BY_TYPE = "SELECT event_type, count(*) AS n, sum(revenue) AS r FROM events GROUP BY ALL ORDER BY n DESC"


@pytest.mark.usefixtures("rows")
def test_who_may_run_sql(reader_user: User, analyst: User, boss: User, query: SavedReport, settings: Settings) -> None:
    settings.DASHBOARD_LOGIN_REQUIRED = False
    for path in ("/sql/", f"/sql/{query.pk}/"):
        assert Client().get(path).status_code == 302
        assert client_of(reader_user).get(path).status_code == 403
        assert client_of(analyst).get(path).status_code == 200
        assert client_of(boss).get(path).status_code == 200
    for path in ("/sql/", "/sql/download/"):
        assert Client().post(path, {"sql": "SELECT 1"}).status_code == 302
        assert client_of(reader_user).post(path, {"sql": "SELECT 1"}).status_code == 403
    boss.is_active = False
    boss.save()
    assert client_of(boss).get("/sql/").status_code == 302


@pytest.mark.usefixtures("rows")
def test_only_who_may_is_shown_the_way(reader_user: User, analyst: User) -> None:
    assert 'href="/sql/"' not in client_of(reader_user).get("/saved/").content.decode()
    assert 'href="/sql/"' in client_of(analyst).get("/saved/").content.decode()


@pytest.mark.usefixtures("rows")
def test_a_result_is_a_table_or_a_chart(analyst: User) -> None:
    client = client_of(analyst)
    page = client.post("/sql/", {"sql": BY_TYPE, "view": "bar"})
    assert [list(cell) for cell in page.context["rows"][0]] == [["page_view", False], ["19", True], [None, True]]
    assert page.context["chart"].payload["labels"] == ["page_view", "=1+1"]
    assert [one["values"] for one in page.context["chart"].payload["series"]] == [[19, 1], [None, 0.1]]
    assert client.post("/sql/", {"sql": BY_TYPE}).context["chart"] is None
    assert "No chart: it needs" in client.post("/sql/", {"sql": "SELECT 'a'", "view": "line"}).content.decode()


@pytest.mark.usefixtures("rows")
def test_nothing_runs_because_of_an_address(analyst: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(sql: str) -> SqlResult:
        raise AssertionError(sql)

    monkeypatch.setattr("dashboard_app.sql.views.run_sql", fail)
    page = client_of(analyst).get("/sql/", {"sql": "SELECT 1"}).content.decode()
    assert "SELECT 1" not in page


@pytest.mark.usefixtures("rows")
def test_running_needs_the_csrf_token(analyst: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(analyst)
    assert client.post("/sql/", {"sql": "SELECT 1"}).status_code == 403
    assert client.post("/sql/download/", {"sql": "SELECT 1"}).status_code == 403


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("sql", "message"), [("DROP VIEW events", "Only SELECT and WITH run here"), ("SELECT x FROM events", "not found")]
)
def test_what_was_wrong_is_told_and_the_query_stays(analyst: User, sql: str, message: str) -> None:
    page = client_of(analyst).post("/sql/", {"sql": sql})
    assert page.status_code == 400
    assert message in page.content.decode()
    assert f">{sql}</textarea>" in page.content.decode()


@pytest.mark.usefixtures("rows")
def test_what_rows_and_queries_say_is_never_markup(analyst: User) -> None:
    evil = "</textarea></script><script>alert(1)</script>"
    page = client_of(analyst).post("/sql/", {"sql": f'SELECT \'{evil}\' AS "{evil}", 1 AS "{evil} 2"', "view": "bar"})
    assert page.status_code == 200
    assert evil not in page.content.decode()


@pytest.mark.usefixtures("rows")
def test_a_result_that_is_cut_says_so(analyst: User, settings: Settings) -> None:
    settings.SQL_ROW_LIMIT = 5
    client = client_of(analyst)
    page = client.post("/sql/", {"sql": "SELECT * FROM range(6)"}).content.decode()
    assert "these are the first 5" in page
    download = client.post("/sql/download/", {"sql": "SELECT * FROM range(6)"})
    assert download["Content-Disposition"] == 'attachment; filename="result-first-5-rows.csv"'


@pytest.mark.usefixtures("rows")
def test_downloads_have_the_rows_and_no_formula(analyst: User) -> None:
    client = client_of(analyst)
    text = client.post("/sql/download/", {"sql": BY_TYPE}).content.decode()
    assert list(csv.reader(StringIO(text))) == [
        ["event_type", "n", "r"],
        ["page_view", "19", ""],
        ["'=1+1", "1", "0.1"],
    ]
    document = client.post("/sql/download/", {"sql": BY_TYPE, "format": "json"}).json()
    assert document == {
        "columns": ["event_type", "n", "r"],
        "rows": [["page_view", 19, None], ["=1+1", 1, "0.1"]],
        "more": False,
    }
    refused = client.post("/sql/download/", {"sql": "DROP VIEW events"})
    assert refused.status_code == 400
    assert "Only SELECT" in refused.content.decode()


@pytest.mark.usefixtures("rows")
def test_a_query_is_saved_by_who_may_run_it(reader_user: User, analyst: User) -> None:
    form = {"report": "sql", "name": "Mine", "query": f"sql={quote(BY_TYPE)}&view=line"}
    assert client_of(reader_user).post("/saved/", form).status_code == 403
    assert not SavedReport.objects.exists()
    client = client_of(analyst)
    response = client.post("/saved/", form)
    saved = SavedReport.objects.get()
    assert response["Location"] == f"/sql/{saved.pk}/"
    page = client.get(response["Location"])
    assert page.context["sql"] == BY_TYPE
    assert page.context["chart"].payload["kind"] == "line"
    assert client.get(f"/saved/{saved.pk}/")["Location"] == response["Location"]


@pytest.mark.usefixtures("rows")
def test_every_example_runs_and_every_column_is_there() -> None:
    for _, sql in EXAMPLES:
        run_sql(sql)
    found = run_sql("SELECT * FROM events LIMIT 0").columns
    assert [(column.name, column.type) for column in found] == list(COLUMN_REFERENCE)


def test_a_query_of_a_page_that_many_open_runs_once_a_minute() -> None:
    runs: list[str] = []
    now = 0.0

    def run(sql: str) -> SqlResult:
        runs.append(sql)
        if sql == "bad":
            raise SqlError("failed", "no")
        return SqlResult([], [], more=False, committed_at=None)

    results = RecentResults(run, lambda: now)
    first: Any = results.get("good")
    assert results.get("good") is first
    for _ in range(2):
        with pytest.raises(SqlError, match="no"):
            results.get("bad")
    assert runs == ["good", "bad"]
    now = KEEP_SECONDS + 1
    results.get("good")
    assert runs == ["good", "bad", "good"]


def test_a_query_that_takes_long_holds_no_other_one_up() -> None:
    started, go_on = Event(), Event()

    def run(sql: str) -> SqlResult:
        if sql == "slow":
            started.set()
            assert go_on.wait(PATIENCE)
        return SqlResult([], [], more=False, committed_at=None)

    results = RecentResults(run, lambda: 0.0)
    first = results.get("quick")
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(results.get, "slow")
        assert started.wait(PATIENCE)
        try:
            assert threads.submit(results.get, "quick").result(PATIENCE) is first
        finally:
            go_on.set()
        assert results.get("slow") is slow.result()


def test_that_others_were_running_is_not_kept() -> None:
    answers = [SqlError("busy", "later"), SqlError("failed", "no"), SqlError("failed", "never asked")]

    def run(_: str) -> SqlResult:
        raise answers.pop(0)

    results = RecentResults(run, lambda: 0.0)
    for message in ("later", "no", "no"):
        with pytest.raises(SqlError, match=message):
            results.get("")
