"""Token buckets, with the time passed in, and what a client hears of them."""

import pytest

from analytics_app.models import Source
from analytics_app.rate_limits import BURST_SECONDS, RateLimits
from tests.analytics.conftest import RecordingProducer
from tests.analytics.sending import GOOD, send


def test_a_burst_is_taken_and_the_rate_from_then_on() -> None:
    limits, now = RateLimits(), 1000.0
    bucket = limits.bucket(1, 5.0, now)
    bucket.take(int(5 * BURST_SECONDS))
    assert bucket.wait(now) == 1
    taken = 0
    for tenth in range(1, 101):
        if bucket.wait(now + tenth / 10) == 0:
            bucket.take(1)
            taken += 1
    assert taken == 50


def test_a_large_request_leaves_a_debt_that_the_next_ones_wait_for() -> None:
    bucket = RateLimits().bucket(1, 2.0, 0.0)
    bucket.take(30)
    assert bucket.wait(0.0) == 5
    assert bucket.wait(4.0) == 1
    assert bucket.wait(5.1) == 0


def test_quiet_time_fills_the_bucket_no_further_than_its_burst() -> None:
    bucket = RateLimits().bucket(1, 1.0, 0.0)
    assert bucket.wait(1_000_000.0) == 0
    bucket.take(int(BURST_SECONDS) + 3)
    assert bucket.wait(1_000_000.0) == 3


def test_each_source_has_its_own_and_a_new_rate_counts_at_once() -> None:
    limits = RateLimits()
    limits.bucket(1, 1.0, 0.0).take(100)
    assert limits.bucket(1, 1.0, 0.0).wait(0.0) > 0
    assert limits.bucket(2, 1.0, 0.0).wait(0.0) == 0
    assert limits.bucket(1, 9.0, 0.0).wait(0.0) == 0


@pytest.fixture
def limited(source: Source, settings: object) -> Source:
    settings.WEB_WORKERS = 1  # type: ignore[attr-defined]  # pytest-django's settings
    source.rate_limit = 2
    source.save()
    return source


@pytest.mark.parametrize("in_body", [False, True])
def test_too_many_events_are_429_with_the_time_to_wait(
    limited: Source, recorder: RecordingProducer, in_body: bool
) -> None:
    def status(count: int, now: float) -> tuple[int, str | None, str | None]:
        body = {"batch": [GOOD["segment"]] * count, "writeKey": limited.write_key}
        reply = send("/v1/batch", body, key="" if in_body else limited.write_key, now=now)
        return reply.status, reply.document.get("code"), dict(reply.headers).get("retry-after")

    assert status(24, 100.0) == (200, None, None)
    assert status(1, 100.0) == (429, "rate_limited", "2")
    assert status(1, 101.5) == (429, "rate_limited", "1")
    assert len(recorder.messages) == 24
    # Who asked in vain has not lost a place by that.
    assert status(1, 102.5) == (200, None, None)
    assert len(recorder.messages) == 25


def test_other_sources_and_sources_without_a_limit_are_not_concerned(
    limited: Source, recorder: RecordingProducer
) -> None:
    other = Source.objects.create(name="other")
    assert send("/v1/batch", {"batch": [GOOD["segment"]] * 100}, key=limited.write_key).status == 200
    assert send("/v1/track", GOOD["segment"], key=limited.write_key).status == 429
    for _ in range(50):
        assert send("/v1/track", GOOD["segment"], key=other.write_key).status == 200
    assert len(recorder.messages) == 150


def test_a_body_that_is_refused_takes_nothing_from_the_bucket(limited: Source, recorder: RecordingProducer) -> None:
    for _ in range(100):
        assert send("/v1/batch", b"{", key=limited.write_key).status == 400
    assert send("/v1/track", GOOD["segment"], key=limited.write_key).status == 200
    assert len(recorder.messages) == 1
