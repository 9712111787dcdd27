"""What the Python drivers share: a job as JSON on standard input, a report as JSON on standard output."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any


class Report:
    """What was sent under which id, and what the SDK gave up."""

    def __init__(self) -> None:
        self._sent: list[dict[str, Any]] = []
        self._failed: list[str] = []
        self._errors: list[str] = []

    def each(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The calls of the job, with its pause between two of them."""
        for call in job["calls"]:
            yield call
            time.sleep(job["pause"])

    def sent(self, call: dict[str, Any], event_id: Any, *, accepted: bool) -> None:
        """Note the id that the SDK gave a call, and whether it took the call into its queue."""
        self._sent.append({"step": call["step"], "event_id": str(event_id)})
        if not accepted:
            self._errors.append(f"step {call['step']} was not taken into the queue")

    def failed_batch(self, error: Exception, batch: list[dict[str, Any]]) -> None:
        """Note a batch that the SDK gave up: the on_error of every Python SDK."""
        self._errors.append(repr(error))
        self._failed += [str(item.get("messageId") or item.get("uuid")) for item in batch]

    def print(self) -> None:
        """Write the report as one line of JSON to standard output."""
        json.dump({"sent": self._sent, "failed": self._failed, "errors": self._errors}, sys.stdout)


def moment(call: dict[str, Any]) -> datetime | None:
    """The time that a call sets; None when it leaves that to the SDK."""
    return datetime.fromisoformat(call["timestamp"]) if call.get("timestamp") else None


def drive(send: Callable[[dict[str, Any], Report], None]) -> None:
    """Run `send` on the job that standard input holds, then print the report."""
    report = Report()
    send(json.load(sys.stdin), report)
    report.print()
