import argparse
import signal
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from brokerlytics.local_kafka.errors import LocalKafkaError
from brokerlytics.local_kafka.serve import TRYOUT_WARNING, choose, serve, why_unavailable
from brokerlytics.plain_command import PlainCommand
from brokerlytics.topics import TopicError, describe, ensure_topic, events_topic


class Command(PlainCommand):
    help = "Run Apache Kafka on this machine, in the foreground, with its data in DATA_DIR/kafka."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--tryout",
            action=argparse.BooleanOptionalAction,
            help="Serve librdkafka's mock cluster instead, or never do so. Default: when Kafka cannot run here.",
        )

    def handle(self, *, tryout: bool | None, **_: Any) -> None:
        if settings.KAFKA_EXTERNAL:
            self.stdout.write(f"No local Kafka is started: {settings.KAFKA_BOOTSTRAP_SERVERS} is used.")
            return
        home = settings.DATA_DIR / "kafka"
        if tryout is None and (reason := why_unavailable(home, self.stdout.write)):
            self.stderr.write(reason)
            tryout = True
        if tryout:
            self.stderr.write(TRYOUT_WARNING)
        stopping = Event()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, lambda *_: stopping.set())
        try:
            serve(choose(home, settings.KAFKA_PORT, tryout=bool(tryout)), stopping, self._announce)
        except (LocalKafkaError, TopicError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write("Kafka has stopped.")

    def _announce(self) -> None:
        spec = events_topic()
        line = describe(spec, ensure_topic(spec))
        self.stdout.write(f"Kafka answers at {settings.KAFKA_BOOTSTRAP_SERVERS}. {line}")
        self.stdout.flush()
