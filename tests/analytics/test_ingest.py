from datetime import UTC, datetime

import pytest

from analytics_app.body import BodyError
from analytics_app.ingest import IngestResult, ingest
from analytics_app.producer import Delivery
from tests.analytics.conftest import RecordingProducer

NOW = datetime(2026, 8, 22, 9, 30, tzinfo=UTC)


def take(body: bytes, producer: RecordingProducer) -> IngestResult:
    return ingest(body, source="web", received_on=NOW, producer=producer)  # type: ignore[arg-type]  # stands in


def test_nothing_is_produced_of_a_body_that_cannot_be_read(recorder: RecordingProducer) -> None:
    with pytest.raises(BodyError):
        take(b'[{"event_type":"A","device_id":"d"},{]', recorder)
    assert recorder.messages == []


def test_nothing_good_asks_no_broker(recorder: RecordingProducer) -> None:
    result = take(b"[1, 2]", recorder)
    assert (result.accepted, len(result.rejected), result.available) == (0, 2, True)
    assert recorder.messages == []


def test_every_event_is_answered_for_in_the_order_of_the_request(recorder: RecordingProducer) -> None:
    recorder.outcomes = [Delivery.REFUSED, Delivery.ACKNOWLEDGED, Delivery.NOT_ACKNOWLEDGED]
    good = b'{"event_type":"A","device_id":"d"}'
    result = take(b"[" + b",".join([good, b"1", good, b"2", good]) + b"]", recorder)
    assert result.accepted == 1
    assert not result.available
    assert [(one.index, one.code) for one in result.rejected] == [
        (0, "refused_by_broker"),
        (1, "not_an_object"),
        (3, "not_an_object"),
        (4, "not_acknowledged"),
    ]
