"""The Kafka consumer of a feeder: its settings."""

from typing import Any

from confluent_kafka import Consumer

from brokerlytics.kafka import client_config


def make_consumer(group: str, instance: str, *, report_ends: bool) -> Consumer:
    """A consumer that commits nothing by itself and never jumps to another offset.

    Args:
        group: consumer group.
        instance: `group.instance.id`; the successor of a killed feeder takes its partitions over with it,
            with the classic protocol.
        report_ends: whether the end of a partition is reported as a message.
    """
    # What is fetched ahead bounds the memory. When that is full, fetching goes on after a moment, not after a second.
    config: dict[str, Any] = {
        "session.timeout.ms": 10_000,
        "queued.max.messages.kbytes": 8_192,
        "fetch.queue.backoff.ms": 1,
    }
    config |= client_config(
        group_id=group,
        group_instance_id=instance,
        enable_auto_commit=False,
        enable_auto_offset_store=False,
        auto_offset_reset="error",
        enable_partition_eof=report_ends,
    )
    if config.get("group.protocol") == "consumer":
        # KIP-848: the broker assigns, and keeps the session's time. It gives a name to nobody else before the
        # dead member's session is over: a successor with the same one would be refused for good.
        del config["session.timeout.ms"], config["group.instance.id"]
    else:
        config["partition.assignment.strategy"] = "cooperative-sticky"
    return Consumer(config)
