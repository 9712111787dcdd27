from typing import Any

from django.core.management.base import CommandError

from brokerlytics.plain_command import PlainCommand
from brokerlytics.topics import TopicError, describe, ensure_topic, events_topic


class Command(PlainCommand):
    help = "Create the topic of the events unless it exists. What exists is never changed."

    def handle(self, **_: Any) -> None:
        spec = events_topic()
        try:
            self.stdout.write(describe(spec, ensure_topic(spec)))
        except TopicError as error:
            raise CommandError(str(error)) from None
