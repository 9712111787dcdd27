"""`runfeeder` for the crash tests: on a disk that is slow to sync, so that kills hit between the steps.

The negative controls: CONTROL=no-truncation makes the feeder keep what was never committed,
CONTROL=no-memory makes it forget at each start which events it stored.
"""

import os
import random
import sys
import time
from typing import Any
from unittest.mock import patch

from django.core.management import execute_from_command_line

import feeder_app.segment_files
from feeder_app.seen_ids import SeenIds
from feeder_app.segment_files import AppendFile

real_fdatasync = os.fdatasync
real_sync = AppendFile.sync


def slow_fdatasync(fd: Any) -> None:
    time.sleep(random.uniform(0, 0.01))
    real_fdatasync(fd)


def slow_sync(self: AppendFile) -> None:
    """Rows are in the file and not in the checkpoint: the longest moment of all."""
    time.sleep(random.uniform(0, 0.2))
    real_sync(self)


def keep_everything(fd: int, size: int) -> None:
    assert os.fstat(fd).st_size >= size


def recall_nothing(_paths: Any, _checkpoint: Any, block: int) -> SeenIds:
    return SeenIds(block)


if __name__ == "__main__":
    os.fdatasync = slow_fdatasync
    AppendFile.sync = slow_sync  # type: ignore[method-assign]  # a slow disk
    if os.environ.get("CONTROL") == "no-truncation":
        feeder_app.segment_files.truncate = keep_everything
    if os.environ.get("CONTROL") == "no-memory":
        patch("feeder_app.partition_writer.recall_ids", recall_nothing).start()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
    execute_from_command_line(["manage.py", "runfeeder", *sys.argv[1:]])
