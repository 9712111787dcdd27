"""A `deadletters requeue` that is killed at the step that CRASH_AT names."""

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from confluent_kafka import Producer
from django.core.management import execute_from_command_line

from brokerlytics.store import PartitionPaths
from feeder_app.dead_letters import journal
from feeder_app.dead_letters.journal import Entry

STEPS = (
    *("before the intent", "within the intent", "after the intent", "after a part was produced"),
    *("after all was produced", "before done", "within done", "after done"),
)
real_append = journal.append


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def append(paths: PartitionPaths, entries: Iterable[Entry]) -> None:
    entries = list(entries)
    at = os.environ["CRASH_AT"]
    step = entries[0].step if entries else ""
    if at in (f"before the {step}", f"before {step}"):
        die()
    if at in (f"within the {step}", f"within {step}"):
        _append_half(journal.journal_path(paths), entries)
        die()
    real_append(paths, entries)
    if at in (f"after the {step}", f"after {step}"):
        die()


def _append_half(path: Path, entries: Sequence[Entry]) -> None:
    lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    with path.open("ab") as file:
        file.write(lines[: len(lines) // 2])


class DyingProducer(Producer):
    """Dies after the third record, or when the broker has acknowledged all of them."""

    produced = 0

    def produce(self, *args: Any, **kwargs: Any) -> None:
        super().produce(*args, **kwargs)
        self.produced += 1
        if os.environ["CRASH_AT"] == "after a part was produced" and self.produced == 3:
            super().flush()
            die()

    def flush(self, *args: Any) -> int:
        left = super().flush(*args)
        if os.environ["CRASH_AT"] == "after all was produced":
            die()
        return left


if __name__ == "__main__":
    patch("feeder_app.dead_letters.requeue.append", append).start()
    patch("feeder_app.dead_letters.requeue.Producer", DyingProducer).start()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
    execute_from_command_line(["manage.py", "deadletters", *sys.argv[1:]])
