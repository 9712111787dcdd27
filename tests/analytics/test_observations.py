"""Counts and samples: all are counted, few are kept, and a database that is away loses no count."""

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from analytics_app import observations as module
from analytics_app.models import IntakeCount, RecentEvent, Source
from analytics_app.observation_store import KEPT
from analytics_app.observations import SAMPLES, SAMPLES_OF_A_CODE, Observations
from tests.waiting import PATIENCE, wait_until

NOW = datetime(2026, 11, 23, 23, 59, tzinfo=UTC)
PATH = "/v1/batch"


@pytest.fixture
def observed() -> Iterator[Observations]:
    observations = Observations(interval=0.05)
    yield observations
    observations.close()


def value(event_type: str = "page_view", **fields: object) -> bytes:
    return msgspec.json.encode({"v": 1, "event_type": event_type, **fields})


def counts() -> dict[tuple[str | None, date, str], int]:
    rows = IntakeCount.objects.values_list("source__name", "day", "code", "events")
    return {(name, day, code): events for name, day, code, events in rows}


def test_every_event_is_counted_by_source_day_and_code(observed: Observations, source: Source) -> None:
    observed.accepted(source.pk, PATH, [value()] * 3)
    observed.rejected(source.pk, PATH, "too_long", "message")
    observed.rejected(None, PATH, "invalid_write_key", "message", events=7)
    assert observed.flush(NOW)
    observed.accepted(source.pk, PATH, [value()])
    observed.flush(NOW)
    observed.rejected(None, PATH, "invalid_write_key", "message")
    observed.flush(NOW + timedelta(minutes=2))
    today, tomorrow = date(2026, 11, 23), date(2026, 11, 24)
    assert counts() == {
        ("web", today, "accepted"): 4,
        ("web", today, "too_long"): 1,
        (None, today, "invalid_write_key"): 7,
        (None, tomorrow, "invalid_write_key"): 1,
    }


def test_the_day_is_that_of_utc(observed: Observations, source: Source) -> None:
    observed.accepted(source.pk, PATH, [value()])
    observed.flush(datetime.fromisoformat("2026-11-24T01:00+03:00"))
    assert set(counts()) == {("web", date(2026, 11, 23), "accepted")}


def test_samples_say_what_became_of_an_event(observed: Observations, source: Source) -> None:
    observed.accepted(source.pk, PATH, [value("Signed Up", user_id="user-4711")])
    event = {"event": "Paid by jane@example.org", "userId": "user-4711"}
    observed.rejected(source.pk, PATH, "invalid_type", "revenue must be a number.", field="revenue", excerpt=event)
    observed.rejected(None, PATH, "not_json", "line 1", excerpt=b'{"event": "x')
    observed.flush(NOW)
    body, bad, good = RecentEvent.objects.all()
    assert (good.source, good.code, good.event_type, good.endpoint) == (source, "accepted", "Signed Up", PATH)
    assert "us…11" in good.excerpt
    assert (bad.code, bad.field, bad.message) == ("invalid_type", "revenue", "revenue must be a number.")
    assert bad.event_type == "Paid by ja…rg"
    assert "4711" not in good.excerpt + bad.excerpt
    assert (body.source, body.code, body.excerpt) == (None, "not_json", '{"event": "x')
    assert abs(time.time() - good.seen_on.timestamp()) < 60


def test_a_flood_leaves_few_samples_and_a_rare_code_gets_its_own(observed: Observations, source: Source) -> None:
    for n in range(1000):
        observed.accepted(source.pk, PATH, [value(f"e{n}-{m}") for m in range(20)])
        observed.rejected(source.pk, PATH, "too_long", "message", excerpt={"event": f"r{n}"})
    observed.rejected(source.pk, PATH, "not_an_object", "message", excerpt=[])
    observed.flush(NOW)
    good = list(RecentEvent.objects.filter(code="accepted").values_list("event_type", flat=True))
    assert good == [f"e999-{m}" for m in reversed(range(20 - SAMPLES, 20))]
    bad = list(RecentEvent.objects.exclude(code="accepted").values_list("code", flat=True))
    assert bad == ["not_an_object", *["too_long"] * SAMPLES_OF_A_CODE]
    assert sum(counts().values()) == 21_001


def test_what_waits_in_memory_is_cut(observed: Observations) -> None:
    observed.rejected(None, PATH, "body_too_large", "message", excerpt=b"x" * 10_000_000)
    observed.rejected(None, PATH, "not_an_object", "message", excerpt=["x" * 10_000] * 10_000)
    assert all(len(str(sample.content)) < 10_000 for sample in observed._rejected)


def test_the_newest_of_each_outcome_are_kept(observed: Observations, source: Source) -> None:
    other = Source.objects.create(name="other")
    observed.accepted(other.pk, PATH, [value("kept")])
    for n in range(KEPT // SAMPLES + 5):
        observed.accepted(source.pk, PATH, [value(f"{n}")] * SAMPLES)
        if n < 3:
            observed.rejected(source.pk, PATH, "too_long", "message")
        observed.flush(NOW)
    events = RecentEvent.objects.filter(source=source)
    assert events.filter(code="accepted").count() == KEPT
    assert not events.filter(code="accepted", event_type="0").exists()
    assert events.filter(code="too_long").count() == 3
    assert RecentEvent.objects.filter(source=other).count() == 1


def test_a_flush_asks_the_database_a_few_times_however_many_events(observed: Observations, source: Source) -> None:
    def flood() -> None:
        for _ in range(500):
            observed.accepted(source.pk, PATH, [value()])
            observed.rejected(source.pk, PATH, "too_long", "message")
            observed.rejected(None, PATH, "invalid_write_key", "message")

    for _ in range(25):
        flood()
        observed.flush(NOW)
    flood()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        observed.flush(NOW)
    # A savepoint and its end, the sources, an update a code, the insert, and what is dropped.
    assert len(queries) == 9
    with CaptureQueriesContext(connection) as queries:
        observed.flush(NOW)
    assert len(queries) == 0


def test_a_source_deleted_meanwhile_loses_nothing_of_the_others(observed: Observations, source: Source) -> None:
    gone = Source.objects.create(name="gone")
    observed.accepted(gone.pk, PATH, [value()])
    observed.rejected(gone.pk, PATH, "too_long", "message")
    observed.accepted(source.pk, PATH, [value()])
    gone.delete()
    assert observed.flush(NOW)
    assert counts() == {("web", NOW.date(), "accepted"): 1}
    assert RecentEvent.objects.get().source == source


def test_counts_outlive_a_database_that_is_away(
    observed: Observations, source: Source, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write", refuse)
        for second in range(40):
            observed.accepted(source.pk, PATH, [value()])
            assert not observed.flush(NOW + timedelta(seconds=second))
    lines = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in lines] == [
        "The counts of events cannot be written now and are kept: database is locked"
    ] * 2
    observed.rejected(source.pk, PATH, "too_long", "message")
    assert observed.flush(NOW)
    assert counts() == {("web", NOW.date(), "accepted"): 40, ("web", NOW.date(), "too_long"): 1}


def test_a_failure_in_the_middle_writes_nothing_twice(
    observed: Observations, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    observed.accepted(source.pk, PATH, [value()])
    with monkeypatch.context() as patch:
        patch.setattr(RecentEvent.objects, "bulk_create", lambda _rows: RecentEvent.objects.get(pk=-1))
        patch.setattr(RecentEvent, "DoesNotExist", DatabaseError)
        assert not observed.flush(NOW)
    assert counts() == {}
    assert observed.flush(NOW)
    assert counts() == {("web", NOW.date(), "accepted"): 1}


def test_what_is_in_memory_is_bounded_whatever_the_sources(
    observed: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_KEYS", 20)
    for n in range(100):
        observed.accepted(n, PATH, [b"{}"])
        observed.rejected(n, PATH, "too_long", "message")
    counts, samples = observed._take()
    assert len(counts) <= 42
    assert len(samples) < 50
    assert counts.total() == 200


def test_threads_count_together(observed: Observations, source: Source) -> None:
    def send() -> None:
        for _ in range(2000):
            observed.accepted(source.pk, PATH, [b"{}"])
            observed.rejected(source.pk, PATH, "too_long", "message")

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        observed.flush(NOW)
    observed.flush(NOW)
    assert counts() == {("web", NOW.date(), "accepted"): 8000, ("web", NOW.date(), "too_long"): 8000}


def test_no_thread_without_start(observed: Observations) -> None:
    observed.accepted(1, PATH, [b"{}"])
    assert observed._thread is None


@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_by_itself_and_a_last_time_at_the_end(observed: Observations, source: Source) -> None:
    observed.start()
    assert observed._thread is None
    observed.accepted(source.pk, PATH, [value()])
    wait_until(IntakeCount.objects.exists)
    assert list(counts().values()) == [1]
    observed.accepted(source.pk, PATH, [value()])
    observed.close()
    assert list(counts().values()) == [2]
    assert "observations" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.django_db(transaction=True)
def test_a_forked_worker_writes_its_own_when_it_ends(source: Source) -> None:
    observations = module.observations
    observations.start()
    observations.accepted(source.pk, PATH, [value()])
    connection.close()

    def work() -> None:
        # The parent's event is the parent's to write.
        observations.accepted(source.pk, PATH, [value()] * 10)
        assert observations._thread is not None

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == 0
    observations.close()
    assert list(counts().values()) == [11]
    assert os.getpid() != child.pid


def test_an_observation_costs_microseconds(observed: Observations) -> None:
    values = [value()]
    started = time.thread_time()
    for _ in range(20_000):
        observed.accepted(1, PATH, values)
        observed.rejected(1, PATH, "too_long", "message", excerpt={"a": 1})
    each = (time.thread_time() - started) / 20_000
    assert each < 0.000_1
    assert len(observed._accepted[1].samples) == SAMPLES
