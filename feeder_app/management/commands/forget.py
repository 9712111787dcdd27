import sys
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from brokerlytics.plain_command import PlainCommand
from brokerlytics.topic_retention import topic_retention
from brokerlytics.topics import TopicError
from feeder_app.maintenance.forgetting import Forgetting, Found
from feeder_app.maintenance.person import Person
from feeder_app.maintenance.plan import MaintenancePolicy
from feeder_app.maintenance.watching import JobWatch
from feeder_app.maintenance.workspace import Workspace
from feeder_app.management.telling import told


class Command(PlainCommand):
    help = (
        "Remove every stored row of a person, and blank the dead letters that name them. What was committed when it "
        "begins is removed, however many ids are given; readers and feeders may go on meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", action="append", default=[], metavar="ID", help="a user_id (repeat for more)")
        parser.add_argument("--device", action="append", default=[], metavar="ID", help="a device_id (repeat for more)")
        parser.add_argument("--source", metavar="NAME", help="rows of this source only; dead letters have none")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_: Any, **options: Any) -> None:
        person = Person(frozenset(options["user"]), frozenset(options["device"]), options["source"])
        if not all(ids := [*options["user"], *options["device"]]) or not ids:
            raise CommandError("Name the person: --user ID or --device ID.")
        now = datetime.now(UTC)
        root, grace = settings.STORE_DIR, MaintenancePolicy().grace
        with told(), JobWatch(lambda: False) as watch, Workspace(root, grace, now) as workspace:
            forgetting = Forgetting(workspace, person, watch)
            found = forgetting.look()
            self.stdout.write(f"Found {_describe(found)}.")
            if options["dry_run"] or not (found.rows or found.dead_letters):
                return
            if not options["yes"] and not _confirmed():
                raise CommandError("Nothing was removed.")
            removed = forgetting.remove(now)
            self.stdout.write(f"Removed {_describe(removed)}.")
        self.stdout.write(f"{_kafkas_share(now)} {_LATER}")


_LATER = (
    "The dashboard does not show them any more; the files of its index lose them with the next `buildindex`. "
    "Events of this person that come from now on are stored again. Backups and exports are not touched."
)


def _kafkas_share(now: datetime) -> str:
    """Until when the topic has what was removed from the store."""
    topic = settings.KAFKA_TOPIC
    try:
        kept = topic_retention(topic)
    except TopicError as error:
        return f"{error} It was made to keep them for {settings.KAFKA_RETENTION_DAYS} days."
    if kept is None:
        return f"The topic {topic} keeps its records for ever, this person's as well: they have to be deleted there."
    return f"The topic {topic} keeps its records for {kept.days} days, this person's until {now + kept:%Y-%m-%d}."


def _describe(found: Found) -> str:
    days = len(found.days)
    letters = f", and {found.dead_letters:,} dead letters" if found.dead_letters else ""
    active = f", {sum(found.active.values()):,} of them in files that are being written" if found.active else ""
    return f"{found.rows:,} rows in {days} closed days{active}{letters}"


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise CommandError("Nothing was removed: pass --yes where nobody can be asked.")
    return input("Remove them for good? Type yes: ").strip() == "yes"
