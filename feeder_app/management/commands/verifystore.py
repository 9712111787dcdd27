import sys
from typing import Any

from confluent_kafka import KafkaException
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Console

from brokerlytics.kafka import client_config
from brokerlytics.plain_command import PlainCommand
from feeder_app.errors import StoreDamagedError
from feeder_app.topic_reader import TopicAwayError
from feeder_app.verify.display import Display
from feeder_app.verify.report import findings_of, print_report
from feeder_app.verify.service import VerifyOptions, store_bytes, verify_store


class Command(PlainCommand):
    help = (
        "Read every file and checkpoint of the store and prove that each offset is accounted for, once. Feeders may "
        "run meanwhile. Exit codes: 0 clean, 1 cannot run, 2 bad arguments, 3 damaged."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--topic", default=settings.KAFKA_TOPIC, help="topic (%(default)s)")
        parser.add_argument(
            "--against-topic", action="store_true", help="compare with Kafka too, record by record and byte by byte"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        root, topic = settings.STORE_DIR, options["topic"]
        kafka = client_config() if options["against_topic"] else None
        try:
            total = store_bytes(root, topic)
            with Display(Console(stderr=True, highlight=False), None if kafka else total) as display:
                accounts = verify_store(VerifyOptions(root, topic, kafka), display.tell)
        except (TopicAwayError, KafkaException) as error:
            text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            raise CommandError(f"Kafka: {text}") from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        if not accounts:
            raise CommandError(f"{root} holds nothing of the topic {topic}. Set STORE_DIR, or pass --topic.")
        out = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 160)
        print_report(accounts, out)
        if faults := sum(findings_of(accounts).counts.values()):
            raise CommandError(f"The store is damaged: {faults:,} faults.", returncode=StoreDamagedError.exit_code)
        self.stdout.write("The store is sound.")
