"""`createsource NAME` makes a source and prints its write key."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import OperationalError

from analytics_app.models import Source
from brokerlytics.plain_command import PlainCommand


class Command(PlainCommand):
    help = "Make a source of events; its write key alone is printed on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the source's name, such as a web site; its events carry it")
        parser.add_argument("--exist-ok", action="store_true", help="print the key of a source that exists already")

    def handle(self, *, name: str, exist_ok: bool, **_options: Any) -> None:
        try:
            self.stdout.write(_source(name, exist_ok).write_key)
        except ValidationError as error:
            raise CommandError(f"The name is not valid: {' '.join(error.messages)}") from None
        except OperationalError as error:
            raise CommandError(f"The database is not ready ({error}); run `python manage.py migrate`.") from None


def _source(name: str, exist_ok: bool) -> Source:
    existing = Source.objects.filter(name=name).first()
    if existing and not exist_ok:
        raise CommandError(f"A source named {name!r} exists already; --exist-ok prints its key.")
    if existing:
        return existing
    source = Source(name=name)
    source.full_clean()
    source.save()
    return source
