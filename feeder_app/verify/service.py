"""A check of the whole store: its partitions, several at once where there are processors for it."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any, Final

from brokerlytics.store import PartitionPaths, closed_segments, partitions_in
from brokerlytics.store_size import store_sizes
from feeder_app.topic_reader import make_reader
from feeder_app.verify.account import Account, Tell
from feeder_app.verify.against import Comparison
from feeder_app.verify.findings import Findings
from feeder_app.verify.partition import PartitionCheck
from feeder_app.verify.view import check_slots, open_view

# Where maintenance swaps one day after the other, each may come before the last file of a partition is read.
_TRIES: Final = 100
_LOOK_SECONDS: Final = 0.5
# Below this a second process takes longer to start than it saves.
_SMALL: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """`kafka`: librdkafka's settings to compare with the topic, None to leave it alone."""

    root: Path
    topic: str
    kafka: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Task:
    options: VerifyOptions
    partition: int


def partitions_of(root: Path, topic: str) -> list[int]:
    """Those that have state or closed segments."""
    closed = {segment.partition for segment in closed_segments(root, topic)}
    return sorted(closed | {paths.partition for paths in partitions_in(root, topic)})


def store_bytes(root: Path, topic: str) -> int:
    """How many bytes a check reads of files that are not compressed; of the others it is more. Raises OSError."""
    return sum(size.bytes for size in store_sizes(root, topic) if size.kind != "dead letters")


def verify_store(options: VerifyOptions, tell: Tell) -> list[Account]:
    """Check every partition of the topic; feeders and maintenance may go on meanwhile.

    `tell` is called with the bytes (and records of the topic) read since the last call, at least twice a second.
    Raises OSError; TopicAwayError and KafkaException when the topic is to be compared and cannot be.
    """
    tasks = [_Task(options, partition) for partition in partitions_of(options.root, options.topic)]
    workers = min(os.cpu_count() or 1, len(tasks))
    if workers > 1 and store_bytes(options.root, options.topic) > _SMALL:
        return list(_in_processes(tasks, workers, tell))
    return [verify_partition(task.options, task.partition, tell) for task in tasks]


def verify_partition(options: VerifyOptions, partition: int, tell: Tell) -> Account:
    """Check one partition; again from the start when maintenance rewrote a part of it meanwhile."""
    paths = PartitionPaths(options.root, options.topic, partition)
    for tries_left in reversed(range(_TRIES)):
        account = Account(partition, findings=Findings())
        try:
            with open_view(paths, account.findings) as view:
                check_slots(paths.checkpoint, account.findings)
                PartitionCheck(view, account, tell).run()
                if options.kafka is not None and view.checkpoint:
                    reader = make_reader(options.kafka)
                    try:
                        Comparison(view, account, reader, tell).run()
                    finally:
                        reader.close()
                if not view.is_stale():
                    break
        except FileNotFoundError as error:
            # A link to nowhere is there, and no day that was swapped.
            if not tries_left or Path(error.filename).is_symlink():
                raise
    return account


_told: "Synchronized[int] | None" = None


def _in_processes(tasks: list[_Task], workers: int, tell: Callable[[int], None]) -> Iterator[Account]:
    context = multiprocessing.get_context("spawn")
    told = context.Value("q", 0)
    seen = 0
    with context.Pool(workers, _begin_worker, (told,)) as pool:
        results = pool.imap(_work, tasks)
        for _ in tasks:
            while True:
                try:
                    account = results.next(_LOOK_SECONDS)
                except multiprocessing.TimeoutError:
                    account = None
                now = told.value
                tell(now - seen)
                seen = now
                if account:
                    yield account
                    break


def _begin_worker(told: "Synchronized[int]") -> None:
    global _told  # noqa: PLW0603 (a pool gives its workers nothing else to keep things in)
    # Ctrl-C is for the parent, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _told = told


def _work(task: _Task) -> Account:
    return verify_partition(task.options, task.partition, _tell_parent)


def _tell_parent(count: int) -> None:
    if _told is not None:
        with _told.get_lock():
            _told.value += count
