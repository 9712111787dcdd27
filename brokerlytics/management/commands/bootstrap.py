from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from brokerlytics.bootstrap import bootstrap
from brokerlytics.local_kafka.serve import why_unavailable
from brokerlytics.topics import TopicError


class Command(BaseCommand):
    help = "Make all that is needed before the first start: database, static files, admin user, source, Kafka."

    def handle(self, **_: Any) -> None:
        if not settings.KAFKA_EXTERNAL and (reason := why_unavailable(settings.DATA_DIR / "kafka", self.stdout.write)):
            self.stderr.write(reason)
        try:
            installation = bootstrap(self.stdout.write)
        except TopicError as error:
            raise CommandError(str(error)) from None
        if installation.sign_in_link:
            self.stdout.write(f"Sign in once without a password: {installation.sign_in_link}")
        self.stdout.write(f"Write key of the first source: {installation.write_key}")
