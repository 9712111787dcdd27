"""The web server: how it is started and where a browser on this machine reaches it."""

import sys

from django.conf import settings

from brokerlytics.ports import port_is_free


class PortInUseError(Exception):
    """The web server cannot listen where it should; the message is one line that says so."""


def check_port() -> None:
    """Raises PortInUseError."""
    if not port_is_free(settings.WEB_HOST, settings.PORT):
        address = f"{settings.WEB_HOST}:{settings.PORT}"
        raise PortInUseError(f"The web server cannot listen on {address}: set PORT, as in `make run PORT=8001`.")


def web_command() -> list[str]:
    """granian, serving this project. A worker that dies is replaced."""
    options = {
        "--interface": "rsgi",
        "--host": settings.WEB_HOST,
        "--port": settings.PORT,
        "--workers": settings.WEB_WORKERS,
        "--workers-kill-timeout": 30,
        # Requests at a time: more than the collector takes, which can tell the others to come back only if it sees
        # them.
        "--backpressure": 1024,
        # A worker that died is an error.
        "--log-level": "error",
        "--working-dir": settings.BASE_DIR,
    }
    arguments = [str(part) for pair in options.items() for part in pair]
    return [sys.executable, "-m", "granian", "--respawn-failed-workers", *arguments, "brokerlytics.rsgi:application"]


def base_url() -> str:
    """The start of every URL, without a slash at its end."""
    host = "127.0.0.1" if settings.WEB_HOST in ("0.0.0.0", "::") else settings.WEB_HOST  # noqa: S104 (only compared)
    return f"http://{host}:{settings.PORT}"
