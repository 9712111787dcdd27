from datetime import UTC, datetime

import pytest

from analytics_app.body import BodyError, read_body
from analytics_app.deliveries import Delivery
from analytics_app.endpoints import NATIVE
from analytics_app.ingest import Intake, check
from analytics_app.reading import read
from analytics_app.validation import Sender
from brokerlytics.event_codec import decode_event

SENDER = Sender("web", datetime(2026, 8, 22, 9, 30, tzinfo=UTC))
GOOD = b'{"event_type":"A","device_id":"d"}'


def taken(body: bytes) -> Intake:
    return check(read(read_body(body), NATIVE), SENDER)


@pytest.mark.parametrize(("body", "code"), [(b"[]", "empty_body"), (b"[" + b"1," * 2500 + b"1]", "too_many_events")])
def test_a_list_that_is_empty_or_too_long_is_refused_as_a_whole(body: bytes, code: str) -> None:
    with pytest.raises(BodyError) as caught:
        taken(body)
    assert caught.value.code == code


def test_nothing_good_leaves_nothing_to_produce() -> None:
    intake = taken(b"[1, 2]")
    assert intake.messages == []
    result = intake.result([])
    assert (result.accepted, len(result.rejected), result.available) == (0, 2, True)


def test_every_event_is_answered_for_in_the_order_of_the_request() -> None:
    intake = taken(b"[" + b",".join([GOOD, b"1", GOOD, b"2", GOOD]) + b"]")
    assert [key for key, _ in intake.messages] == [b"d"] * 3
    result = intake.result([Delivery.REFUSED, Delivery.ACKNOWLEDGED, Delivery.NOT_ACKNOWLEDGED])
    assert result.accepted == 1
    assert not result.available
    assert [(one.index, one.code) for one in result.rejected] == [
        (0, "refused_by_broker"),
        (1, "not_an_object"),
        (3, "not_an_object"),
        (4, "not_acknowledged"),
    ]
    made = decode_event(intake.messages[2][1], event_id="", received_on=SENDER.received_on).event_id
    assert [one.event_id for one in result.rejected if one.code == "not_acknowledged"] == [made] != [""]


def test_an_event_that_is_refused_for_good_is_not_worth_sending_again() -> None:
    result = taken(GOOD).result([Delivery.REFUSED])
    assert (result.accepted, result.available, result.rejected[0].code) == (0, True, "refused_by_broker")
