"""Where a partition begins that the store has nothing of. What the store has begins at its checkpoint, always."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from brokerlytics.timestamps import format_timestamp
from feeder_app.errors import FeederError

_TIMEOUT: Final = 5.0


@dataclass(frozen=True, slots=True)
class StartAt:
    """At the offset of its partition in `offsets`; else at the first record that came to the topic at `time` or
    later; else at the first that the topic has."""

    offsets: Mapping[int, int] = field(default_factory=dict)
    time: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.offsets) or self.time is not None

    def __str__(self) -> str:
        names = [f"offset {offset} of partition {number}" for number, offset in sorted(self.offsets.items())]
        return ", ".join([*names, *([format_timestamp(self.time)] if self.time else [])])


def first_offset(consumer: Consumer, partition: TopicPartition, wanted: StartAt, low: int, high: int) -> int:
    """The offset to begin at, of those from `low` to `high` that the topic has; `high`: nothing is that late.

    Raises FeederError for an offset that the topic has not got; KafkaException.
    """
    if (offset := wanted.offsets.get(partition.partition)) is not None:
        if not low <= offset <= high:
            raise FeederError(
                f"{partition.topic}[{partition.partition}] has offsets {low} to {high - 1}, not {offset}. "
                "Choose one of them, or leave --from-offset out for all that there is."
            )
        return offset
    if wanted.time is None:
        return low
    asked = TopicPartition(partition.topic, partition.partition, int(wanted.time.timestamp() * 1000))
    found = consumer.offsets_for_times([asked], timeout=_TIMEOUT)[0].offset
    return found if found >= 0 else high
