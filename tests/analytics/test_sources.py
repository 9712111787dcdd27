"""Sources are read once, and again when one of them changes, whoever changes it."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.conf import settings as project_settings
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from analytics_app.models import Source
from analytics_app.sources import KnownSource, SourceCache, SourcesUnavailableError
from tests.analytics.conftest import RecordingProducer
from tests.analytics.sending import GOOD, send
from tests.waiting import PATIENCE

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def cache(source: Source) -> SourceCache:  # noqa: ARG001 (it is known from the start)
    cache = SourceCache()
    cache.refresh()
    return cache


def queries(cache: SourceCache) -> int:
    with CaptureQueriesContext(connection) as found:
        cache.refresh()
    return len(found)


def code(key: str) -> str | None:
    return send("/api/v1/events", GOOD["native"], key=key).document.get("code")


def test_a_second_look_costs_no_query(cache: SourceCache, source: Source) -> None:
    assert queries(cache) == 0
    found = cache.find(source.write_key)
    assert found == KnownSource(source.pk, "web", enabled=True, allowed_origins=frozenset(), rate_limit=0.0)
    assert cache.find("wk_no") is None


def test_a_second_request_costs_no_query(source: Source, recorder: RecordingProducer) -> None:
    assert code(source.write_key) is None
    with CaptureQueriesContext(connection) as found:
        assert code(source.write_key) is None
        assert code("wk_no") == "invalid_write_key"
    assert len(found) == 0
    assert len(recorder.messages) == 2


def test_each_change_is_seen_by_the_next_request(source: Source, recorder: RecordingProducer) -> None:
    old = source.write_key
    assert code(old) is None
    source.rotate(NOW)
    assert code(old) == "invalid_write_key"
    assert code(source.write_key) is None
    source.enabled = False
    source.save()
    assert code(source.write_key) == "source_disabled"
    Source.objects.update(enabled=True)
    assert code(source.write_key) is None
    Source.objects.filter(pk=source.pk).update(enabled=False)
    assert code(source.write_key) == "source_disabled"
    other = Source.objects.create(name="other")
    assert code(other.write_key) is None
    Source.objects.filter(pk=other.pk).delete()
    assert code(other.write_key) == "invalid_write_key"
    source.delete()
    assert code(source.write_key) == "invalid_write_key"
    assert len(recorder.messages) == 4


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + seconds)


def test_changes_within_one_tick_of_the_clock_are_all_seen(
    cache: SourceCache, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    for number, name in enumerate(("a", "b", "c")):
        source.name = name
        source.save()
        later(monkeypatch, number + 1)
        cache.refresh()
        found = cache.find(source.write_key)
        assert found
        assert found.name == name


@pytest.mark.django_db(transaction=True)
def test_a_change_is_told_again_when_others_can_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source.objects.create(name="late")
    cache = SourceCache()
    with transaction.atomic():
        source.rotate(NOW)
        # Another process, which looks now, still reads the old row.
        cache.refresh()
        later(monkeypatch, 1)
        assert not cache.is_stale()
    later(monkeypatch, 2)
    assert cache.is_stale()


def test_a_change_by_another_process_is_seen_in_a_moment(cache: SourceCache) -> None:
    """`createsource` there touches the file that this one looks at."""
    assert not cache.is_stale()
    program = "import django; django.setup(); from analytics_app.sources import source_changed; source_changed()"
    env = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(project_settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "brokerlytics.settings",
    }
    subprocess.run([sys.executable, "-c", program], env=env, cwd=project_settings.BASE_DIR, check=True)
    time.sleep(0.15)
    assert cache.is_stale()


def test_sources_are_read_again_after_ten_seconds_without_a_word(
    cache: SourceCache, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change on another machine tells nothing here."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE analytics_app_source SET enabled = 0")
    later(monkeypatch, 9)
    assert queries(cache) == 0
    later(monkeypatch, 11)
    assert queries(cache) == 1
    found = cache.find(source.write_key)
    assert found
    assert not found.enabled


def test_who_comes_while_the_sources_are_read_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has just started would call every key wrong, and SDKs do not send again after a 401."""
    asked, go_on = threading.Event(), threading.Event()

    def slowly() -> list[Source]:
        asked.set()
        go_on.wait(PATIENCE)
        return [Source(pk=1, name="web", write_key="wk_1")]

    monkeypatch.setattr(Source.objects, "all", slowly)
    cache = SourceCache()

    def look() -> bool:
        cache.refresh()
        return cache.find("wk_1") is not None

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(look)
        assert asked.wait(PATIENCE)
        assert cache.is_stale()
        others = [threads.submit(look) for _ in range(2)]
        time.sleep(0.05)
        go_on.set()
        assert [found.result() for found in (first, *others)] == [True] * 3


def test_a_change_while_the_sources_are_read_makes_them_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SourceCache()
    names = iter(("old", "new"))

    def change_meanwhile() -> list[Source]:
        name = next(names)
        if name == "old":
            cache.forget()
        return [Source(pk=1, name=name, write_key="wk_1")]

    monkeypatch.setattr(Source.objects, "all", change_meanwhile)
    for name in ("old", "new"):
        cache.refresh()
        found = cache.find("wk_1")
        assert found
        assert found.name == name
    assert not cache.is_stale()


class Database:
    """Stands in for the query: `up` says whether it answers, `asked` how often it was asked."""

    def __init__(self) -> None:
        self.up = False
        self.asked = 0

    def all(self) -> list[Source]:
        self.asked += 1
        if not self.up:
            raise OperationalError("database is locked")
        return [Source(pk=1, name=f"read {self.asked}", write_key="wk_1")]


@pytest.fixture
def database(db: None, monkeypatch: pytest.MonkeyPatch) -> Database:  # noqa: ARG001 (a connection may be open)
    database = Database()
    monkeypatch.setattr(Source.objects, "all", database.all)
    return database


def name_of(cache: SourceCache) -> str:
    cache.refresh()
    found = cache.find("wk_1")
    assert found
    return found.name


def test_without_a_database_at_the_start_nothing_is_known(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SourceCache()
    for _ in range(3):
        assert cache.is_stale()
        with pytest.raises(SourcesUnavailableError):
            cache.refresh()
    assert database.asked == 1
    database.up = True
    later(monkeypatch, 1.1)
    assert name_of(cache) == "read 2"
    assert not cache.is_stale()


def test_sources_known_so_far_count_while_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = SourceCache()
    database.up = True
    assert name_of(cache) == "read 1"
    cache.forget()
    database.up = False
    started = time.monotonic()
    for tenths in range(401):
        monkeypatch.setattr(time, "monotonic", lambda: started + tenths / 10)  # noqa: B023 (called within the turn)
        assert name_of(cache) == "read 1"
    # A request waits for the database once a second, no more, and the log has a line in thirty.
    assert 36 <= database.asked - 1 <= 41
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["The sources cannot be read now; those known so far count: database is locked"] * 2
    database.up = True
    monkeypatch.setattr(time, "monotonic", lambda: started + 42)
    assert name_of(cache) == f"read {database.asked}" != "read 1"


@pytest.mark.parametrize(("own", "limit"), [(None, 50.0), (0, 0.0), (30, 15.0)])
def test_each_worker_has_its_share_of_the_rate_limit(
    source: Source, settings: Settings, own: int | None, limit: float
) -> None:
    settings.RATE_LIMIT, settings.WEB_WORKERS = 100.0, 2
    source.rate_limit = own
    source.save()
    cache = SourceCache()
    cache.refresh()
    found = cache.find(source.write_key)
    assert found
    assert found.rate_limit == limit


def test_origins() -> None:
    some = KnownSource(1, "a", enabled=True, allowed_origins=frozenset({"https://a.example"}), rate_limit=0)
    assert some.allows("https://a.example")
    # Servers and apps name no origin.
    assert some.allows(None)
    assert some.allows("")
    assert not some.allows("https://a.example.evil.example")
    assert not some.allows("http://a.example")
    assert not some.allows("null")
