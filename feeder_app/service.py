"""A feeder's life from start to stop: slot, consumer, the loop, and how it ends."""

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from brokerlytics.heartbeat import remove_heartbeat
from brokerlytics.native.library import library
from brokerlytics.native.librdkafka import kafka
from feeder_app.consumer import make_consumer
from feeder_app.errors import FeederError, PoisonBoundError
from feeder_app.feeder import Feeder, FeederOptions
from feeder_app.locking import take_slot
from feeder_app.metrics_server import MetricsAddress, StatusCollector, metrics_server
from feeder_app.policies import FeederPolicy
from feeder_app.progress import Progress
from feeder_app.totals import Totals

logger = logging.getLogger(__name__)

NO_PARTITIONS_AFTER: Final = timedelta(seconds=60)
# A batch's objects are freed as soon as it is encoded; to look through them for cycles costs time.
_GC_THRESHOLD: Final = 50_000


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What `runfeeder` was asked to do. `until_end`: stop when every assigned partition is drained.

    `metrics`: where to serve them, None for nowhere.
    """

    root: Path
    topic: str
    group: str
    until_end: bool
    policy: FeederPolicy
    metrics: MetricsAddress | None = None


def run_feeder(options: ServiceOptions, stopped: Callable[[], bool], progress: Progress) -> Totals:
    """Feed until `stopped()` or the end; returns what was committed.

    Raises FeederError (its `exit_code` tells the kind); KafkaException for what no retry can mend.
    """
    if library() is None:
        logger.warning("Events are encoded in Python, about ten times slower: `make bootstrap` compiles the C sources.")
    elif kafka() is None:
        logger.warning("Events are encoded in Python, about ten times slower: this librdkafka takes no plugins.")
    collector = StatusCollector(options.group)
    with metrics_server(options.metrics, collector), _rare_garbage_collection():
        return _run(options, stopped, progress, collector)


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    try:
        yield
    finally:
        # What stays frozen is not freed when the process ends, and DuckDB then complains of a leak.
        gc.unfreeze()


def _run(
    options: ServiceOptions, stopped: Callable[[], bool], progress: Progress, collector: StatusCollector
) -> Totals:
    started = datetime.now(UTC)
    slot, lock = take_slot(options.root / "state" / "feeders", started)
    # With the topic in it: the group would give the successor on another topic what the dead one had.
    name = f"{options.group}-{options.topic}-{slot}"
    feeder = Feeder(
        make_consumer(options.group, name, report_ends=options.until_end),
        FeederOptions(name=name, topic=options.topic, root=options.root, policy=options.policy),
        started,
        collector.show,
    )
    try:
        _loop(feeder, options, stopped, progress, started)
        feeder.close(datetime.now(UTC))
    except PoisonBoundError:
        # What came before the bound is sound.
        feeder.close(datetime.now(UTC))
        raise
    except BaseException:
        feeder.abandon()
        raise
    finally:
        remove_heartbeat(options.root, name)
        lock.release()
    last = feeder.status(datetime.now(UTC))
    return Totals(last.rows, last.duplicates)


def _loop(
    feeder: Feeder, options: ServiceOptions, stopped: Callable[[], bool], progress: Progress, started: datetime
) -> None:
    while not stopped():
        now = datetime.now(UTC)
        feeder.run_once(now)
        if progress.due(now):
            progress.show(feeder.status(now))
        if options.until_end and feeder.at_end():
            return
        if options.until_end and now - started > NO_PARTITIONS_AFTER and not feeder.status(now).partitions:
            raise FeederError(
                f"Group {options.group} gave this feeder no partition of {options.topic} in "
                f"{NO_PARTITIONS_AFTER.seconds} s: the topic does not exist, Kafka is away, or others have them all."
            )
