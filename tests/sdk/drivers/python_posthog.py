"""Sends a script of calls with posthog (Python)."""

from typing import Any

from posthog import Posthog

from tests.sdk.drivers.driving import Report, drive, moment


def send(job: dict[str, Any], report: Report) -> None:
    """Send the job's calls and wait until each has been delivered or given up."""
    client = Posthog(
        job["write_key"],
        host=job["host"],
        max_retries=64,
        flush_at=job["batch"],
        on_error=report.failed_batch,
    )
    for call in report.each(job):
        who = call.get("user_id") or call.get("anonymous_id")
        values = call["properties"]
        match call["kind"]:
            case "identify":
                event_id = client.set(distinct_id=who, properties=values, timestamp=moment(call))
            case "alias":
                event_id = client.alias(call["previous_id"], who, timestamp=moment(call))
            case "group":
                event_id = client.group_identify("company", call["group_id"], values, distinct_id=who)
            case _:
                event_id = client.capture(call["name"], distinct_id=who, properties=values, timestamp=moment(call))
        report.sent(call, event_id, accepted=event_id is not None)
    client.shutdown()


if __name__ == "__main__":
    drive(send)
