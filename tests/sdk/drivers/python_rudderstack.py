"""Sends a script of calls with rudder-sdk-python."""

from typing import Any

from rudderstack.analytics.client import Client

from tests.sdk.drivers.driving import Report, drive, moment


def send(job: dict[str, Any], report: Report) -> None:
    """Send the job's calls and wait until each has been delivered or given up."""
    client = Client(
        job["write_key"],
        host=job["host"],
        max_retries=12,
        upload_size=job["batch"],
        on_error=report.failed_batch,
    )
    for call in report.each(job):
        who = {"user_id": call.get("user_id"), "anonymous_id": call.get("anonymous_id")}
        when = {"context": call.get("context"), "timestamp": moment(call)}
        values = call["properties"]
        match call["kind"]:
            case "track":
                done, message = client.track(event=call["name"], properties=values, **who, **when)
            case "page":
                done, message = client.page(name=call["name"], properties=values, **who, **when)
            case "screen":
                done, message = client.screen(name=call["name"], properties=values, **who, **when)
            case "identify":
                done, message = client.identify(traits=values, **who, **when)
            case "group":
                done, message = client.group(group_id=call["group_id"], traits=values, **who, **when)
            case "alias":
                done, message = client.alias(call["previous_id"], call["user_id"], **when)
        report.sent(call, message["messageId"], accepted=done)
    client.flush()
    client.shutdown()


if __name__ == "__main__":
    drive(send)
