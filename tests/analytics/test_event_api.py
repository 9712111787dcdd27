import gzip
import json
from typing import Any

import msgspec
import pytest
from django.test import Client
from pytest_django import Settings

from analytics_app.body import MAX_BODY_BYTES
from analytics_app.deliveries import Delivery
from analytics_app.models import Source
from tests.analytics.conftest import RecordingProducer
from tests.analytics.topics import read_topic
from tests.conftest import free_ports

URL = "/api/v1/events"
GOOD = {"event_type": "A", "device_id": "d"}
PROBLEM = "application/problem+json"


def post(source: Source, body: Any, content_type: str = "application/json", url: str = URL) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client().post(url, data, content_type=content_type, headers={"X-Write-Key": source.write_key})


@pytest.mark.parametrize("url", [URL, URL + "/"])
def test_events_are_accepted_one_by_one(source: Source, recorder: RecordingProducer, url: str) -> None:
    response = post(source, [{**GOOD, "event_id": "one"}, {"device_id": "d"}, {**GOOD, "user_id": "u"}], url=url)
    assert response.status_code == 202
    assert response.json() == {
        "accepted": 2,
        "rejected": [
            {
                "index": 1,
                "event_id": None,
                "code": "missing_field",
                "message": "event_type is required: the event's name.",
                "field": "event_type",
            }
        ],
    }
    stored = [msgspec.json.decode(value) for _, value in recorder.messages]
    assert stored[0]["event_id"] == "one"
    assert {event["source"] for event in stored} == {"web"}


@pytest.mark.parametrize("body", [json.dumps(GOOD).encode(), gzip.compress(json.dumps([GOOD]).encode())])
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "text/plain;charset=UTF-8",
        # What curl and RudderStack's SDK for Node say unless told otherwise.
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "application/xml",
        "nonsense",
        "",
    ],
)
def test_json_whatever_its_type_is_called(
    source: Source, recorder: RecordingProducer, content_type: str, body: bytes
) -> None:
    assert post(source, body, content_type).status_code == 202
    assert len(recorder.messages) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "answer"),
    [
        (b"", "application/json", (400, "empty_body")),
        (b"[]", "application/json", (400, "empty_body")),
        (b"{", "application/json", (400, "not_json")),
        (b"[" * 50_000, "application/json", (400, "not_json")),
        (b"[1,{}]", "application/json", (400, "no_valid_event")),
        (b'{"event_type":"A","device_id":"d","event_id":"\\ud800"}', "application/json", (400, "no_valid_event")),
        (b'{"event_type":"A","device_id":"d","revenue":NaN}', "application/json", (400, "no_valid_event")),
        (b"x" * (MAX_BODY_BYTES + 1), "application/json", (413, "body_too_large")),
        (b"x" * 5_000_000, "application/json", (413, "body_too_large")),
        (b"x" * 5_000_000, "multipart/form-data; boundary=b", (400, "parse_error")),
        (b"[" + b"{}," * 2500 + b"{}]", "application/json", (413, "too_many_events")),
        (b"<event/>", "application/xml", (400, "not_json")),
        (b"x", "application/octet-stream", (400, "not_json")),
        (b"\x1f\x8b\x00", "application/json", (400, "bad_gzip")),
        (b"garbage", "multipart/form-data; boundary=b", (400, "empty_body")),
        (b"garbage", "multipart/form-data", (400, "parse_error")),
        (b"event_type=A", "application/x-www-form-urlencoded", (400, "no_valid_event")),
        (b"event_type=A&revenue=x", "application/x-www-form-urlencoded", (400, "invalid")),
        (b"device_id=A", "application/x-www-form-urlencoded", (400, "not_json")),
        (
            b"event_type=A&" + b"&".join(b"a%d=1" % n for n in range(2000)),
            "application/x-www-form-urlencoded",
            (400, "bad_request"),
        ),
    ],
)
def test_what_is_not_accepted_is_a_problem(
    source: Source, recorder: RecordingProducer, body: bytes, content_type: str, answer: tuple[int, str]
) -> None:
    status, code = answer
    response = post(source, body, content_type)
    assert response.status_code == status
    assert response["Content-Type"] == PROBLEM
    problem = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["message"]
    assert recorder.messages == []


def test_nothing_good_is_answered_event_by_event(source: Source, recorder: RecordingProducer) -> None:  # noqa: ARG001
    problem = post(source, [{"event_type": "A"}, 1]).json()
    assert problem["accepted"] == 0
    assert [one["code"] for one in problem["rejected"]] == ["missing_field", "not_an_object"]


def test_without_acknowledgement_the_answer_is_503_and_says_which(source: Source, recorder: RecordingProducer) -> None:
    recorder.outcomes = [Delivery.ACKNOWLEDGED, Delivery.NOT_ACKNOWLEDGED]
    response = post(source, [GOOD, {**GOOD, "event_id": "again"}])
    assert response.status_code == 503
    assert response["Retry-After"] == "2"
    problem = response.json()
    assert (problem["code"], problem["accepted"]) == ("broker_unavailable", 1)
    assert [(one["event_id"], one["code"]) for one in problem["rejected"]] == [("again", "not_acknowledged")]


def test_a_broker_that_is_away_is_503_in_time(source: Source, settings: Settings) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = f"127.0.0.1:{free_ports(1)}"
    settings.PRODUCE_TIMEOUT = 1.0
    response = post(source, [GOOD, {}])
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert [one["code"] for one in response.json()["rejected"]] == ["not_acknowledged", "missing_field"]


def test_wrong_kafka_settings_are_503(source: Source, settings: Settings) -> None:
    settings.KAFKA_CLIENT_CONFIG = {"no.such.setting": "1"}
    response = post(source, GOOD)
    assert (response.status_code, response.json()["code"]) == (503, "kafka_misconfigured")
    assert "no.such.setting" in response.json()["message"]


def test_what_was_accepted_is_on_the_topic(source: Source, topic: str) -> None:
    events = [{**GOOD, "event_id": f"e{number}", "revenue": number} for number in range(50)]
    assert post(source, events).json() == {"accepted": 50, "rejected": []}
    messages = read_topic(topic)
    assert {message.key() for message in messages} == {b"d"}
    values = [msgspec.json.decode(message.value() or b"") for message in messages]
    assert [value["event_id"] for value in values] == [f"e{number}" for number in range(50)]
    assert [value["revenue"] for value in values] == list(range(50))


@pytest.mark.django_db
def test_get_tells_how_to_send() -> None:
    assert Client().get(URL).json()["send"] == "POST http://testserver/api/v1/events"
    page = Client().get(URL, headers={"Accept": "text/html"})
    assert page.status_code == 200
    html = page.content.decode()
    for name in ("write_key", "event_type", "device_id", "created_on", "revenue", "currency", "properties"):
        assert f'name="{name}"' in html


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("put", URL, 405), ("delete", URL + "/", 405), ("get", "/api/nope", 404), ("post", "/api/v1/event", 404)],
)
def test_every_error_below_api_is_a_problem(method: str, path: str, status: int) -> None:
    response = getattr(Client(), method)(path)
    assert (response.status_code, response["Content-Type"]) == (status, PROBLEM)
    assert {"code", "message"} <= response.json().keys()


@pytest.mark.django_db
def test_a_host_that_is_not_allowed_is_a_problem() -> None:
    response = Client().get(URL, headers={"Host": "evil.example"})
    assert (response.status_code, response["Content-Type"]) == (400, PROBLEM)


class TestForm:
    """What the form of the browsable API sends."""

    def send(self, **fields: str) -> Any:
        return Client(enforce_csrf_checks=True).post(URL, fields, headers={"Accept": "text/html"})

    def test_an_event(self, source: Source, recorder: RecordingProducer) -> None:
        response = self.send(
            write_key=source.write_key,
            event_type="REVENUE",
            device_id="d",
            user_id="",
            revenue="9.5",
            currency="eur",
            properties='{"plan": "pro"}',
        )
        assert response.status_code == 202
        assert response["Content-Type"].startswith("text/html")
        [event] = [msgspec.json.decode(value) for _, value in recorder.messages]
        assert (event["revenue"], event["currency"], event["properties"]) == (9.5, "EUR", {"plan": "pro"})
        assert "write_key" not in event.get("context", {})

    @pytest.mark.parametrize(
        ("field", "value"), [("revenue", "x"), ("revenue", "nan"), ("properties", "{"), ("properties", "[1]")]
    )
    def test_a_bad_field(self, source: Source, recorder: RecordingProducer, field: str, value: str) -> None:
        response = self.send(write_key=source.write_key, event_type="A", device_id="d", **{field: value})
        assert response.status_code == 400
        assert response["Content-Type"].startswith("text/html")
        assert field in response.content.decode()
        assert recorder.messages == []

    def test_no_key(self, source: Source) -> None:  # noqa: ARG002
        response = self.send(event_type="A", device_id="d")
        assert response.status_code == 401
        assert "missing_write_key" in response.content.decode()

    def test_not_in_several_parts(self, source: Source, recorder: RecordingProducer) -> None:
        body = f"event_type=A&device_id=d&write_key={source.write_key}"
        response = Client().post(URL, body, content_type="application/x-www-form-urlencoded")
        assert response.status_code == 202
        assert len(recorder.messages) == 1
