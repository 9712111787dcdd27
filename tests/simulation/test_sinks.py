"""Where events go."""

import csv
import io
from collections import Counter
from typing import Any

import httpx
import pytest

from analytics_app.deliveries import Delivery
from analytics_app.simulation.api_sink import ApiSink
from analytics_app.simulation.file_sinks import CsvSink, LinesSink
from analytics_app.simulation.kafka_sink import KafkaSink
from analytics_app.simulation.sending import Message, SendResult, SinkError
from brokerlytics.event import FIELDS
from tests.analytics.conftest import RecordingProducer
from tests.conftest import free_ports
from tests.simulation.worlds import options, sent

MESSAGES: list[Message] = [(b"d", b'{"event_type":"A","device_id":"d","event_id":"%d"}' % at) for at in range(3)]


class KeptBytes(io.BytesIO):
    """What was written can be read after it was closed."""

    def close(self) -> None:
        self.kept = self.getvalue()
        super().close()


class TestApiSink:
    def send(self, monkeypatch: pytest.MonkeyPatch, response: httpx.Response) -> SendResult:
        sink = ApiSink("http://test", "wk")
        client = httpx.Client(transport=httpx.MockTransport(lambda _: response))
        monkeypatch.setattr(sink, "_client", client)
        return sink.send(MESSAGES)

    def test_accepted_and_rejected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        body = {"accepted": 2, "rejected": [{"index": 1, "code": "too_long"}]}
        result = self.send(monkeypatch, httpx.Response(202, json=body))
        assert (result.accepted, result.rejected, result.retry) == (2, Counter(too_long=1), [])

    def test_503_sends_again_what_was_not_acknowledged(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rejected = [{"index": 0, "code": "too_long"}, {"index": 2, "code": "not_acknowledged"}]
        body = {"message": "away", "accepted": 1, "rejected": rejected}
        result = self.send(monkeypatch, httpx.Response(503, json=body, headers={"Retry-After": "7"}))
        assert (result.accepted, result.rejected, result.retry) == (1, Counter(too_long=1), [MESSAGES[2]])
        assert (result.retry_after, result.problem) == (7.0, "away")

    @pytest.mark.parametrize("status", [429, 500, 502, 503])
    def test_an_answer_of_something_in_between(self, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
        result = self.send(monkeypatch, httpx.Response(status, html="<h1>Bad gateway</h1>"))
        assert result.retry == MESSAGES
        assert result.retry_after == 1.0

    @pytest.mark.parametrize("status", [401, 403, 404, 413, 301])
    def test_what_does_not_pass_by_itself(self, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
        with pytest.raises(SinkError, match=f"http://test answers {status}: because"):
            self.send(monkeypatch, httpx.Response(status, json={"message": "because"}))

    def test_nobody_listens(self) -> None:
        result = ApiSink(f"http://127.0.0.1:{free_ports(1)}", "wk").send(MESSAGES)
        assert result.retry == MESSAGES
        assert "refused" in result.problem

    @pytest.mark.parametrize("url", ["foo", "ftp://x", "http://127.0.0.1:x"])
    def test_no_address(self, url: str) -> None:
        with pytest.raises(SinkError):
            ApiSink(url, "wk").send(MESSAGES)


def test_the_kafka_sink_produces_and_says_what_became_of_each(recorder: RecordingProducer) -> None:
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.NOT_ACKNOWLEDGED, Delivery.REFUSED]
    result = KafkaSink("simulation").send(MESSAGES)
    assert recorder.messages == MESSAGES
    assert (result.accepted, result.retry) == (1, [MESSAGES[1]])
    assert result.rejected == Counter(refused_by_broker=1)


def test_lines_are_the_values_of_the_topic() -> None:
    file = KeptBytes()
    sink = LinesSink(file, "simulation")
    sink.send(MESSAGES)
    sink.close()
    assert file.kept.splitlines() == [value for _, value in MESSAGES]


def test_csv_has_the_columns_of_the_store_and_leaves_out_what_is_no_event() -> None:
    values, _ = sent(options(days=1))
    file = KeptBytes()
    sink = CsvSink(file, "simulation")
    result = sink.send([(b"", value) for value in [*values, b'{"v":1,"event_id":"x","device_id":"d"}']])
    sink.close()
    assert (result.accepted, result.rejected) == (len(values), Counter(missing_field=1))
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(file.kept.decode(), newline=""), strict=True))
    assert list(rows[0]) == [field.name for field in FIELDS]
    assert len(rows) == len(values)
    assert rows[0]["source"] == "simulation"


def test_a_reader_that_went_away_is_told() -> None:
    class Broken(io.BytesIO):
        def write(self, data: Any) -> int:  # noqa: ARG002
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(SinkError, match="Broken pipe"):
        LinesSink(Broken(), "simulation").send(MESSAGES)
