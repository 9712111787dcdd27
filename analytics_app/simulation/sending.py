"""What sinks take and what they answer."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

# Key and value.
Message = tuple[bytes, bytes]


class SinkError(Exception):
    """The events cannot be sent, and trying again will not help; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of a batch: `accepted` of its events, those `rejected` by code, and those to `retry`.

    The latter may have arrived or not: send them again with the same ids after `retry_after` seconds;
    `problem` says why.
    """

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    retry: list[Message] = field(default_factory=list)
    retry_after: float = 0.0
    problem: str = ""


class Sink(Protocol):
    """Where events go. `source`: the name that it gives them by itself, None where the sender says nothing of it."""

    source: str | None

    def send(self, messages: list[Message]) -> SendResult:
        """Raises SinkError."""
        ...

    def close(self) -> None: ...
