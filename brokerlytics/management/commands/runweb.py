import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokerlytics.web import PortInUseError, check_port, web_command


class Command(BaseCommand):
    help = "Run the web server, in the foreground, on WEB_HOST and PORT."

    def handle(self, **_: Any) -> None:
        try:
            check_port()
        except PortInUseError as error:
            raise CommandError(str(error)) from None
        command = web_command()
        # The server takes this process's place, and with it its signals.
        os.execv(command[0], command)  # noqa: S606 (arguments of ours)
