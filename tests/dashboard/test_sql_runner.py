"""The analyst's SQL in its process: what it gives, and that nothing it does harms the one that asked."""

import json
import os
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import duckdb
import psutil
import pytest
from pytest_django import Settings

from dashboard_app.index.builder import IndexBuilder
from dashboard_app.reading.scratch import ScratchDirectory
from dashboard_app.sql import child, runner
from dashboard_app.sql.exchange import ErrorCode, Request
from dashboard_app.sql.runner import SqlError, run_sql
from dashboard_app.sql.statement import check
from tests.dashboard.store_builder import COMMITTED_AT, TOPIC, Partition, make_event
from tests.waiting import PATIENCE, wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HUGE = "FROM range(1000000) a, range(1000000) b, range(1000000) c"


@pytest.fixture
def rows(store: Path) -> Partition:
    """Ten events: seven page views of seven devices, and three of revenue of one user."""
    partition = Partition(store)
    partition.commit([make_event(NOON, device_id=f"d{n}", properties={"n": n}) for n in range(7)])
    partition.close()
    events = [make_event(NOON, "REVENUE", user_id="u1", revenue=0.1, currency="EUR") for _ in range(3)]
    partition.commit(events, garbage=b'not "committed')
    return partition


def refusal(sql: str) -> tuple[ErrorCode, str]:
    with pytest.raises(SqlError) as caught:
        run_sql(sql)
    return caught.value.code, str(caught.value)


@pytest.mark.usefixtures("rows")
def test_a_query_reads_every_committed_row() -> None:
    sql = """SELECT event_type, count(*) AS events, count(DISTINCT person) AS people, sum(revenue) AS revenue,
             min(created_on) AS first FROM events GROUP BY ALL ORDER BY events DESC"""
    result = run_sql(sql)
    assert [column.name for column in result.columns] == ["event_type", "events", "people", "revenue", "first"]
    assert [column.is_number for column in result.columns] == [False, True, True, True, False]
    assert result.rows == [
        ["page_view", 7, 7, None, "2026-11-23 12:00:00"],
        ["REVENUE", 3, 1, "0.300000", "2026-11-23 12:00:00"],
    ]
    assert not result.more
    assert result.committed_at == COMMITTED_AT


@pytest.mark.usefixtures("rows")
def test_the_clock_of_a_query_is_utc() -> None:
    now = "now()::TIMESTAMP = now() AT TIME ZONE 'UTC'"
    zone = "TIMESTAMPTZ '2026-01-01 12:00+01'"
    assert run_sql(f"SELECT {now}, {zone}").rows == [[True, "2026-01-01 11:00:00+00:00"]]


@pytest.mark.usefixtures("rows")
def test_values_of_every_kind_become_json() -> None:
    sql = """SELECT 'NaN'::DOUBLE, 9007199254740993, [1, NULL], {'a': DATE '2026-01-02'}, MAP {1: 2.50}, 'x'::BLOB,
             INTERVAL 90 MINUTE, true, '550e8400-e29b-41d4-a716-446655440000'::UUID, chr(0) || chr(10)"""
    (row,) = run_sql(sql).rows
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert row == [
        *("nan", "9007199254740993", [1, None], {"a": "2026-01-02"}, {"1": "2.50"}, "78", "1:30:00", True),
        *("550e8400-e29b-41d4-a716-446655440000", "\0\n"),
    ]


@pytest.mark.usefixtures("store")
def test_a_query_over_an_empty_store_has_no_rows() -> None:
    assert run_sql("SELECT event_type FROM events").rows == []


@pytest.mark.usefixtures("rows")
def test_rows_beyond_the_limit_are_told(settings: Settings) -> None:
    settings.SQL_ROW_LIMIT = 7
    result = run_sql("SELECT * FROM range(1000000000)")
    assert (len(result.rows), result.more) == (7, True)
    assert not run_sql("SELECT * FROM range(7)").more


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("sql", "code", "message"),
    [
        ("DROP VIEW events", "not_allowed", "Only SELECT and WITH"),
        ("SELECT * FROM committed", "not_allowed", "There is no table “committed”"),
        ("SELECT * FROM closed", "not_allowed", "There is no table “closed”"),
        ("SELECT * FROM read_text('/etc/passwd')", "not_allowed", "not allowed in FROM"),
        ("SELECT nothing FROM events", "failed", 'Referenced column "nothing" not found'),
        ("SELECT event_type::INT FROM events", "failed", "Conversion Error"),
        ("SELECT repeat('x', 9000000)", "too_large", "larger than 8 MB"),
        ("SELECT repeat('x', 4000000000)", "too_much_memory", "512 MB of memory"),
    ],
)
def test_a_query_without_result_says_why(settings: Settings, sql: str, code: ErrorCode, message: str) -> None:
    settings.SQL_TIME_LIMIT = 180
    refused = refusal(sql)
    assert refused[0] == code
    assert message in refused[1]


@pytest.mark.usefixtures("rows")
def test_a_query_has_so_much_time_of_the_processors(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_PATIENCE", 1000)
    settings.SQL_TIME_LIMIT = 1
    code, message = refusal(f"SELECT count(*) {HUGE}")
    assert code == "too_slow"
    assert "more than 1 seconds of every processor" in message


@pytest.mark.usefixtures("rows")
def test_a_query_that_is_kept_waiting_goes_on_for_a_while(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets nothing of the processors until its time is over."""
    late = f"import os, time; time.sleep(2.5); os.execv({runner._COMMAND[0]!r}, {runner._COMMAND!r})"
    monkeypatch.setattr(runner, "_COMMAND", [runner._COMMAND[0], "-c", late])
    settings.SQL_TIME_LIMIT = 2
    with monkeypatch.context() as patch:
        patch.setattr(runner, "_PATIENCE", 100)
        assert run_sql("SELECT count(*) FROM events").rows == [[10]]
    monkeypatch.setattr(runner, "_COMMAND", ["sleep", "1000"])
    code, message = refusal("SELECT 1")
    assert (code, message.partition(".")[0]) == ("too_slow", "The query was not done after 6 seconds")


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT a.range, b.range {HUGE} ORDER BY hash(a.range, b.range)",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "WITH RECURSIVE n AS (SELECT 'x' AS t UNION ALL SELECT t || t FROM n) SELECT max(t) FROM n",
        "SELECT list(range) FROM range(100000000000)",
        "SELECT string_agg(repeat('x', 100000), '') FROM range(1000000)",
        "SELECT regexp_matches(repeat('a', 50000), '(a?){50000}a{50000}') FROM range(100000)",
        f"SELECT {'(' * 9000}1{')' * 9000}",
        f"SELECT {'-' * 1}{' -' * 9000}1",
        f"SELECT {'[' * 5000}1{']' * 5000}",
        f"SELECT {' OR '.join(['event_type = 1'] * 900)} FROM events",
        "SELECT error('x' || chr(0))",
        "SELECT list_reduce(range(3000000), lambda a, b: a + b), list_sort(range(900000000))",
    ],
)
def test_hostile_queries_end_and_leave_nothing(store: Path, settings: Settings, sql: str) -> None:
    usual = settings.SQL_TIME_LIMIT
    settings.SQL_TIME_LIMIT, settings.SQL_MEMORY_LIMIT = 1, 256
    before = set(psutil.Process().children(recursive=True))
    refusal(sql)
    settings.SQL_TIME_LIMIT = usual
    assert set(psutil.Process().children(recursive=True)) <= before
    assert run_sql("SELECT count(*) FROM events").rows == [[10]]
    assert [path.name for path in store.parent.iterdir() if path.name not in ("store", "tmp")] == []
    assert list((store.parent / "tmp").glob("dashboard-*/*")) == []


@pytest.mark.usefixtures("rows")
def test_a_query_has_nothing_of_the_servers_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "secret")
    monkeypatch.setenv("HTTP_PROXY", "http://secret")
    seen = tmp_path / "environment"
    script = f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(repr(dict(os.environ)))"
    monkeypatch.setattr(runner, "_COMMAND", [runner._COMMAND[0], "-c", script])
    assert refusal("SELECT 1")[0] == "too_much_memory"
    assert set(eval(seen.read_text())) <= {"PATH", "LANG", "TZ", "LC_CTYPE"}
    assert settings.SECRET_KEY not in seen.read_text()


@pytest.mark.usefixtures("rows")
def test_a_process_that_dies_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(runner, "_COMMAND", [runner._COMMAND[0], "-c", "import os; os.abort()"])
    code, message = refusal("SELECT 1")
    assert code == "too_much_memory"
    assert "was stopped" in message
    assert "ended with status -6" in caplog.text


@pytest.mark.usefixtures("rows")
def test_no_more_queries_than_slots_run_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_WAIT_SECONDS", 0.1)
    usual, settings.SQL_TIME_LIMIT = settings.SQL_TIME_LIMIT, 2
    with monkeypatch.context() as patch:
        # Queries that take as long as they may.
        patch.setattr(runner, "_COMMAND", ["sleep", "1000"])
        threads = [Thread(target=lambda: refusal("SELECT 1")) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: runner._slots._value == 0, pause=0)
        code, message = refusal("SELECT 1")
        for thread in threads:
            thread.join()
    settings.SQL_TIME_LIMIT = usual
    assert code == "busy"
    assert "Try again" in message
    assert run_sql("SELECT 1").rows == [[1]]


@pytest.mark.usefixtures("store")
def test_an_unreadable_store_is_told(rows: Partition) -> None:
    rows.paths.checkpoint.write_bytes(b"\xff" * 16384)
    code, message = refusal("SELECT 1")
    assert code == "store"
    assert "neither slot of the checkpoint is valid" in message


def test_a_query_is_run_again_when_a_file_of_the_index_is_swept_under_it(
    store: Path, rows: Partition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(ScratchDirectory(tmp_path / "scratch")) as scratch:
        index = IndexBuilder(store, TOPIC, scratch, lambda *_: None)
        index.build(index.plan())

    def check_and_sweep(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        check(connection, sql)
        for path in index.directory.glob("rows-*"):
            path.unlink()

    monkeypatch.setattr(child, "check", check_and_sweep)
    asked = Request(
        sql="SELECT count(DISTINCT event_type || device_id) FROM events",
        store=str(store),
        topic=TOPIC,
        scratch=str(tmp_path / "scratch"),
        seconds=60,
        memory=512,
        rows=10,
        asker=os.getpid(),
    )
    answer = child.answer(asked)
    assert (answer.message, answer.rows) == ("", [[7]])
    assert rows.next_offset == 10


def test_a_query_ends_with_the_thread_that_asked(store: Path, rows: Partition) -> None:  # noqa: ARG001
    """The web worker is killed: its query must not go on."""
    script = f"""
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "brokerlytics.settings"
django.setup()
from django.conf import settings
from dashboard_app.sql.runner import run_sql
run_sql("SELECT count(*) {HUGE}")
"""
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(store.parent), "ENV_FILE": os.devnull}
    environment |= {"SQL_TIME_LIMIT": "1000"}
    worker = subprocess.Popen([runner._COMMAND[0], "-c", script], env=environment)
    try:
        while not (children := psutil.Process(worker.pid).children()):
            assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert alive == []
