from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokerlytics.topics import TopicError, describe, ensure_topic, events_topic


class Command(BaseCommand):
    help = "Create the topic of the events unless it exists. What exists is never changed."

    def handle(self, **_: Any) -> None:
        spec = events_topic()
        try:
            self.stdout.write(describe(spec, ensure_topic(spec)))
        except TopicError as error:
            raise CommandError(str(error)) from None
