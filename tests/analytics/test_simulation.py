"""Pacing, the loop in single steps, and the sinks."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from analytics_app.models import Source
from analytics_app.producer import Delivery
from analytics_app.simulation.display import Lines
from analytics_app.simulation.pacing import Pace
from analytics_app.simulation.runner import Simulation, run
from analytics_app.simulation.sinks import ApiSink, Events, KafkaSink, SendResult, SinkError
from tests.analytics.conftest import RecordingProducer
from tests.conftest import free_ports


def numbered() -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        yield {"event_type": "A", "device_id": "d", "event_id": str(number)}
        number += 1


class ListSink:
    """Takes everything, except for what `answers` says."""

    def __init__(self, *answers: str) -> None:
        self.batches: list[list[str]] = []
        self.answers = list(answers)

    def send(self, events: Events) -> SendResult:
        self.batches.append([event["event_id"] for event in events])
        match self.answers.pop(0) if self.answers else "accept":
            case "away":
                return SendResult(retry=list(events), retry_after=3.0, problem="away")
            case "first rejected":
                return SendResult(accepted=list(events[1:]), rejected=[(events[0], "invalid_value")])
            case _:
                return SendResult(accepted=list(events))

    def close(self) -> None: ...


def simulation(sink: ListSink, *, rate: float = 10.0, total: int | None = None, batch: int = 100) -> Simulation:
    return Simulation(numbered(), Pace(rate, 100.0), sink, total=total, batch=batch)


@pytest.mark.parametrize(
    ("rate", "now", "due"), [(10, 100.0, 1), (10, 100.05, 1), (10, 101.0, 11), (0.5, 101.9, 1), (10, 99.0, 0)]
)
def test_what_is_due(rate: float, now: float, due: int) -> None:
    assert Pace(rate, 100.0).due(now) == due


@pytest.mark.parametrize(
    ("rate", "sent", "now", "wait"),
    [
        (2, 1, 100.0, 0.5),  # the next one is due in half a second
        (1000, 1, 100.0, 0.1),  # gather a slice
        (10, 5, 101.0, 0.0),  # behind
    ],
)
def test_when_to_look_again(rate: float, sent: int, now: float, wait: float) -> None:
    assert Pace(rate, 100.0).wait(sent, now) == pytest.approx(wait)


def test_the_schedule_does_not_wait_for_the_sink() -> None:
    sink = ListSink()
    steps = simulation(sink)
    steps.step(100.0)
    steps.step(102.0)
    assert [len(batch) for batch in sink.batches] == [1, 20]


def test_a_batch_is_bounded() -> None:
    sink = ListSink()
    steps = simulation(sink, batch=8)
    for _ in range(3):
        steps.step(101.5)
    assert [len(batch) for batch in sink.batches] == [8, 8]


def test_what_was_not_acknowledged_is_sent_again_with_the_same_ids() -> None:
    sink = ListSink("away", "away")
    steps = simulation(sink, total=3)
    assert steps.step(101.0) == 3.0
    assert (steps.problem, steps.unsent, steps.done) == ("away", 3, False)
    steps.step(104.0)
    steps.step(107.0)
    assert sink.batches == [["0", "1", "2"]] * 3
    assert steps.done
    assert (steps.summary.accepted.total(), steps.summary.tried_again, steps.problem) == (3, 6, "")


def test_rejected_events_are_counted_by_code() -> None:
    steps = simulation(ListSink("first rejected"), total=3)
    steps.step(101.0)
    assert steps.done
    assert (steps.summary.accepted.total(), dict(steps.summary.rejected)) == (2, {"invalid_value": 1})


def test_a_run_ends_when_asked() -> None:
    stop = threading.Event()
    steps = simulation(ListSink())
    run(steps, stop, lambda _: stop.set())
    assert not steps.done


def test_a_log_gets_a_line_now_and_then() -> None:
    lines: list[str] = []
    clock = iter([0.0, 1.0, 5.0, 6.0, 10.0])
    steps = simulation(ListSink("accept", "away"))
    display = Lines(lines.append, lambda: next(clock))
    steps.step(100.9)
    display.show(steps)
    display.show(steps)
    steps.step(102.0)
    display.show(steps)
    display.show(steps)
    assert lines == ["10 events accepted, 2.0 per second", "Waiting: away"]


class TestApiSink:
    EVENTS = [{"event_type": "A", "device_id": "d", "event_id": str(number)} for number in range(3)]

    def send(self, monkeypatch: pytest.MonkeyPatch, response: httpx.Response) -> SendResult:
        sink = ApiSink("http://test", "wk")
        client = httpx.Client(transport=httpx.MockTransport(lambda _: response))
        monkeypatch.setattr(sink, "_client", client)
        return sink.send(self.EVENTS)

    def test_accepted_and_rejected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        body = {"accepted": 2, "rejected": [{"index": 1, "code": "too_long"}]}
        result = self.send(monkeypatch, httpx.Response(202, json=body))
        assert result.accepted == [self.EVENTS[0], self.EVENTS[2]]
        assert result.rejected == [(self.EVENTS[1], "too_long")]
        assert result.retry == []

    def test_503_sends_again_what_was_not_acknowledged(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rejected = [{"index": 0, "code": "too_long"}, {"index": 2, "code": "not_acknowledged"}]
        response = httpx.Response(
            503, json={"message": "away", "accepted": 1, "rejected": rejected}, headers={"Retry-After": "7"}
        )
        result = self.send(monkeypatch, response)
        assert (result.accepted, result.retry) == ([self.EVENTS[1]], [self.EVENTS[2]])
        assert (result.retry_after, result.problem) == (7.0, "away")

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_an_answer_of_something_in_between(self, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
        result = self.send(monkeypatch, httpx.Response(status, html="<h1>Bad gateway</h1>"))
        assert result.retry == self.EVENTS
        assert result.retry_after == 1.0

    @pytest.mark.parametrize("status", [401, 403, 404, 413, 301])
    def test_what_does_not_pass_by_itself(self, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
        with pytest.raises(SinkError, match=f"http://test answers {status}: because"):
            self.send(monkeypatch, httpx.Response(status, json={"message": "because"}))

    def test_nobody_listens(self) -> None:
        result = ApiSink(f"http://127.0.0.1:{free_ports(1)}", "wk").send(self.EVENTS)
        assert result.retry == self.EVENTS
        assert "refused" in result.problem

    @pytest.mark.parametrize("url", ["foo", "ftp://x", "http://127.0.0.1:x"])
    def test_no_address(self, url: str) -> None:
        with pytest.raises(SinkError):
            ApiSink(url, "wk").send(self.EVENTS)


def test_the_kafka_sink_checks_and_produces(recorder: RecordingProducer) -> None:
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.NOT_ACKNOWLEDGED]
    good = {"event_type": "A", "device_id": "d"}
    result = KafkaSink("simulation").send([good, {"event_type": "A"}, good])
    assert (result.accepted, result.retry) == ([good], [good])
    assert result.rejected == [({"event_type": "A"}, "missing_field")]


@pytest.mark.django_db
def test_sources_make_their_own_keys() -> None:
    keys = {Source.objects.create(name=str(number)).write_key for number in range(3)}
    assert len(keys) == 3
    assert all(key.startswith("wk_") and len(key) == 35 for key in keys)
