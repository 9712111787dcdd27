import sys
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feeder_app.maintenance.forgetting import Forgetting, Found
from feeder_app.maintenance.person import Person
from feeder_app.maintenance.plan import MaintenancePolicy
from feeder_app.maintenance.watching import JobWatch
from feeder_app.maintenance.workspace import Workspace
from feeder_app.management.telling import told


class Command(BaseCommand):
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
        self.stdout.write(_RESTS)


_RESTS = (
    f"What Kafka still has stays there: KAFKA_RETENTION_DAYS={settings.KAFKA_RETENTION_DAYS} unless the topic was made "
    "otherwise. Events of this person that come from now on are stored again; backups and exports have to be treated "
    "by themselves."
)


def _describe(found: Found) -> str:
    days = len(found.days)
    letters = f", and {found.dead_letters:,} dead letters" if found.dead_letters else ""
    active = f", {sum(found.active.values()):,} of them in files that are being written" if found.active else ""
    return f"{found.rows:,} rows in {days} closed days{active}{letters}"


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise CommandError("Nothing was removed: pass --yes where nobody can be asked.")
    return input("Remove them for good? Type yes: ").strip() == "yes"
