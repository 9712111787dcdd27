from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError

from brokerlytics.bootstrap import sign_in_link
from brokerlytics.plain_command import PlainCommand


class Command(PlainCommand):
    help = "Print a link that signs a user in once, without a password, within a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?", default=settings.ADMIN_USERNAME, help="default: %(default)s")

    def handle(self, *, username: str, **_: Any) -> None:
        try:
            user = User.objects.get(username=username, is_active=True)
        except User.DoesNotExist:
            raise CommandError(f"There is no active user {username}.") from None
        except OperationalError as error:
            raise CommandError(f"The database is not ready ({error}): run `make bootstrap`.") from None
        self.stdout.write(sign_in_link(user))
