"""Simulated events over `POST /api/v1/events`."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import httpx

from analytics_app.ingest import NOT_ACKNOWLEDGED
from analytics_app.simulation.sending import Message, SendResult, Sink, SinkError

TRY_AGAIN_SECONDS: Final = 1.0
_MAX_RETRY_AFTER: Final = 60.0
# The server answers 503 by itself before that.
_TIMEOUT: Final = httpx.Timeout(30.0)


class ApiSink(Sink):
    """Sends on one connection that stays open; the server says the source, and when it received them."""

    source = None

    def __init__(self, url: str, write_key: str) -> None:
        """`url`: of the server, such as http://127.0.0.1:8000."""
        self._url = url.rstrip("/")
        self._client = httpx.Client(headers={"Authorization": f"Bearer {write_key}"}, timeout=_TIMEOUT)

    def send(self, messages: list[Message]) -> SendResult:
        try:
            response = self._client.post(
                f"{self._url}/api/v1/events",
                content=b"[%b]" % b",".join([value for _, value in messages]),
                headers={"Content-Type": "application/json"},
            )
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise SinkError(f"{self._url} is no address of a server: {error}") from None
        except httpx.TransportError as error:
            return SendResult(retry=messages, retry_after=TRY_AGAIN_SECONDS, problem=f"{self._url}: {error}")
        return self._read(messages, response)

    def close(self) -> None:
        self._client.close()

    def _read(self, messages: list[Message], response: httpx.Response) -> SendResult:
        answer = _json_object(response)
        status = response.status_code
        message = str(answer.get("message") or response.reason_phrase)
        if status in (202, 400, 503) and "rejected" in answer:
            codes = {rejection["index"]: rejection["code"] for rejection in answer["rejected"]}
            return split(messages, codes, _retry_after(response), message)
        if status in (408, 429) or status >= 500:
            problem = f"{self._url} answers {status}: {message}"
            return SendResult(retry=messages, retry_after=_retry_after(response), problem=problem)
        raise SinkError(f"{self._url} answers {status}: {message}")


def split(messages: list[Message], codes: Mapping[int, str], retry_after: float, problem: str) -> SendResult:
    """The result when the messages at these places were rejected with these codes."""
    retry = [messages[index] for index, code in codes.items() if code == NOT_ACKNOWLEDGED]
    return SendResult(
        accepted=len(messages) - len(codes),
        rejected=Counter(code for code in codes.values() if code != NOT_ACKNOWLEDGED),
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
    return min(float(value), _MAX_RETRY_AFTER) if value.isdecimal() else TRY_AGAIN_SECONDS
