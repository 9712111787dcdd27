"""Where simulated events go: the HTTP API, or straight through the producer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx
import msgspec
from confluent_kafka import KafkaException
from django.utils import timezone

from analytics_app.endpoints import NATIVE
from analytics_app.ingest import NOT_ACKNOWLEDGED, check
from analytics_app.producer import shared_producer
from analytics_app.reading import read
from analytics_app.validation import Sender

Events = Sequence[dict[str, Any]]

_TRY_AGAIN_SECONDS: Final = 1.0
_MAX_RETRY_AFTER: Final = 60.0
# The server answers 503 by itself before that.
_TIMEOUT: Final = httpx.Timeout(30.0)


class SinkError(Exception):
    """The events cannot be sent, and trying again will not help; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of a batch: each of its events is in one of the three lists.

    `retry` may have arrived or not: send them again with the same ids after `retry_after` seconds;
    `problem` says why.
    """

    accepted: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    retry: list[dict[str, Any]] = field(default_factory=list)
    retry_after: float = 0.0
    problem: str = ""


class Sink(Protocol):
    def send(self, events: Events) -> SendResult:
        """Raises SinkError."""
        ...

    def close(self) -> None: ...


class ApiSink:
    """Sends over `POST /api/v1/events` on one connection that stays open."""

    def __init__(self, url: str, write_key: str) -> None:
        """`url`: of the server, such as http://127.0.0.1:8000."""
        self._url = url.rstrip("/")
        self._client = httpx.Client(headers={"Authorization": f"Bearer {write_key}"}, timeout=_TIMEOUT)

    def send(self, events: Events) -> SendResult:
        try:
            response = self._client.post(
                f"{self._url}/api/v1/events",
                content=msgspec.json.encode(events),
                headers={"Content-Type": "application/json"},
            )
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise SinkError(f"{self._url} is no address of a server: {error}") from None
        except httpx.TransportError as error:
            return SendResult(retry=list(events), retry_after=_TRY_AGAIN_SECONDS, problem=f"{self._url}: {error}")
        return self._read(events, response)

    def close(self) -> None:
        self._client.close()

    def _read(self, events: Events, response: httpx.Response) -> SendResult:
        answer = _json_object(response)
        status = response.status_code
        message = str(answer.get("message") or response.reason_phrase)
        if status in (202, 400, 503) and "rejected" in answer:
            return _split(events, answer["rejected"], _retry_after(response), message)
        if status in (408, 429) or status >= 500:
            problem = f"{self._url} answers {status}: {message}"
            return SendResult(retry=list(events), retry_after=_retry_after(response), problem=problem)
        raise SinkError(f"{self._url} answers {status}: {message}")


class KafkaSink:
    """Sends through the checks and the producer of this process, without HTTP."""

    def __init__(self, source: str) -> None:
        """`source`: the name that the events carry."""
        self._source = source

    def send(self, events: Events) -> SendResult:
        try:
            producer = shared_producer.get()
        except KafkaException as error:
            raise SinkError(f"Kafka's settings are not valid: {error.args[0].str()}") from None
        intake = check(read(list(events), NATIVE), Sender(self._source, timezone.now()))
        result = intake.result(producer.produce(intake.messages))
        rejected = msgspec.to_builtins(result.rejected)
        return _split(events, rejected, _TRY_AGAIN_SECONDS, "The broker did not acknowledge in time.")

    def close(self) -> None:
        """The producer belongs to the process."""


def _split(events: Events, rejections: list[dict[str, Any]], retry_after: float, problem: str) -> SendResult:
    by_index = {rejection["index"]: rejection["code"] for rejection in rejections}
    retry = [event for index, event in enumerate(events) if by_index.get(index) == NOT_ACKNOWLEDGED]
    return SendResult(
        accepted=[event for index, event in enumerate(events) if index not in by_index],
        rejected=[(events[index], code) for index, code in by_index.items() if code != NOT_ACKNOWLEDGED],
        retry=retry,
        retry_after=retry_after if retry else 0.0,
        problem=problem if retry else "",
    )


def _json_object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), _MAX_RETRY_AFTER) if value.isdecimal() else _TRY_AGAIN_SECONDS
