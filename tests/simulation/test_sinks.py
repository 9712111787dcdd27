"""Where events go."""

import csv
import io
import sys
from collections import Counter
from typing import Any

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from analytics_app.deliveries import Delivery
from analytics_app.models import Source
from analytics_app.simulation.api_sink import ApiSink
from analytics_app.simulation.file_sinks import CsvSink, LinesSink
from analytics_app.simulation.kafka_sink import KafkaSink
from analytics_app.simulation.sdk_sink import SdkSink
from analytics_app.simulation.sending import Message, SendResult, SinkError
from brokerlytics.event import FIELDS
from tests.analytics.conftest import RecordingProducer
from tests.analytics.topics import read_topic
from tests.conftest import free_ports
from tests.simulation.worlds import decoded, options, sent

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


class TestSdkSink:
    @pytest.mark.django_db(transaction=True)
    def test_through_the_sdk_to_the_topic(self, live_server: LiveServer, topic: str) -> None:
        source = Source.objects.create(name="web")
        values, _ = sent(options(days=1))
        messages = [(b"", value) for value in values[:150]]
        sink = SdkSink(live_server.url, source.write_key)
        result = sink.send(messages)
        sink.close()
        assert (result.accepted, result.retry) == (150, [])
        wanted = {row["event_id"]: row for row in decoded(values[:150])}
        rows = {row["event_id"]: row for row in decoded([message.value() or b"" for message in read_topic(topic)])}
        assert rows.keys() == wanted.keys()
        # `created_on` is corrected by what passes between the SDK's clock and the server's.
        same = ["event_type", "device_id", "user_id", "session_id", "original_created_on", "revenue", "currency"]
        for event_id, row in rows.items():
            assert {name: row.get(name) for name in same} == {name: wanted[event_id].get(name) for name in same}

    def test_what_it_gives_up_is_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("segment.analytics.client.Client.flush", lambda _: None)
        sink = SdkSink("http://127.0.0.1:1", "wk")
        value = sent(options(days=1))[0][0]
        monkeypatch.setattr(
            sink, "_hand_over", lambda event: sink._on_error(OSError("away"), [{"messageId": event["event_id"]}])
        )
        result = sink.send([(b"", value)])
        assert (result.accepted, result.retry, result.problem) == (0, [(b"", value)], "away")

    def test_without_the_sdk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "segment.analytics.client", None)
        with pytest.raises(SinkError, match="pip install segment-analytics-python"):
            SdkSink("http://127.0.0.1:1", "wk")
