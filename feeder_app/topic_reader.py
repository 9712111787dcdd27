"""Reading a stretch of the topic for a look at it, with no group and nothing committed."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

_BATCH: Final = 1_000
_CONSUME_SECONDS: Final = 0.2
_SILENCE_SECONDS: Final = 60.0


class TopicAwayError(Exception):
    """Kafka does not give what was asked for."""


def make_reader(config: Mapping[str, Any]) -> Consumer:
    """A consumer for `messages_of`. `config`: librdkafka's settings, of which those of a group do not count."""
    ours = {
        "group.id": "brokerlytics-reader",
        "group.protocol": "classic",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
    }
    return Consumer({**config, **ours})


def messages_of(consumer: Consumer, partition: TopicPartition, start: int, end: int) -> Iterator[Message]:
    """The records of the offsets from `start` to before `end`, as far as the topic has them.

    Raises TopicAwayError after _SILENCE_SECONDS without an answer, and when retention takes what is to be read.
    """
    if start >= end:
        return
    consumer.assign([TopicPartition(partition.topic, partition.partition, start)])
    heard = time.monotonic()
    while True:
        messages = consumer.consume(_BATCH, _CONSUME_SECONDS)
        heard = time.monotonic() if messages else heard
        if time.monotonic() - heard > _SILENCE_SECONDS:
            raise TopicAwayError(f"Nothing of {partition.topic} came in {_SILENCE_SECONDS:.0f} s. Try again.")
        for message in messages:
            # The end is reported at an offset of its own, behind what no reader is given.
            if _is_end(message) or (message.offset() or 0) >= end:
                return
            if not message.error():
                yield message
                if message.offset() == end - 1:
                    return


def _is_end(message: Message) -> bool:
    error = message.error()
    if error and error.code() != KafkaError._PARTITION_EOF and not error.retriable():
        raise TopicAwayError(f"{message.topic()}[{message.partition()}]: {error.str()}. Try again.")
    return error is not None and error.code() == KafkaError._PARTITION_EOF
