"""What the operator sees when everything runs."""

from brokerlytics.bootstrap import Installation
from brokerlytics.web import base_url


def banner(installation: Installation, *, colour: bool) -> str:
    """Where everything is, and how to send a first event."""
    url = base_url()
    event = '{"event_type": "SIGN_UP", "device_id": "device-1"}'
    rows = [
        ("Dashboard", f"{url}/"),
        ("API docs", f"{url}/api/docs/"),
        ("Admin", f"{url}/admin/"),
        ("Write key", installation.write_key),
        ("Sign in once", installation.sign_in_link or "a link: python manage.py signinlink"),
    ]
    lines = [
        "Brokerlytics is ready. Ctrl-C stops it.",
        *(f"  {name:13} {value}" for name, value in rows),
        "  Send an event:",
        f"    curl -u {installation.write_key}: -H 'Content-Type: application/json' -d '{event}' {url}/api/v1/events",
    ]
    rule = "─" * 76
    text = "\n".join(["", rule, *lines, rule, ""])
    return f"\033[1m{text}\033[0m" if colour else text
